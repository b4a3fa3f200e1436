package tell

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// Header of a record; a nil value is null.
type Header struct {
	Name  string
	Value []byte
}

// Record as harness/records.py has it; a nil key or value is null.
type Record struct {
	Offset    int64
	Timestamp int64
	Partition int32
	Key       []byte
	Value     []byte
	Headers   []Header
}

// ReadRecords reads a whole record file.
func ReadRecords(path string) ([]Record, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := reader{in: bufio.NewReader(file)}
	var records []Record
	for {
		var r Record
		r.Offset = in.int64()
		if errors.Is(in.err, io.EOF) {
			return records, nil
		}
		r.Timestamp, r.Partition = in.int64(), in.int32()
		r.Key, r.Value = in.bytes(), in.bytes()
		for count := in.int32(); count > 0; count-- {
			r.Headers = append(r.Headers, Header{string(in.bytes()), in.bytes()})
		}
		if in.err != nil {
			return nil, in.err
		}
		records = append(records, r)
	}
}

// WriteRecords writes a whole record file.
func WriteRecords(path string, records []Record) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	for _, r := range records {
		data := binary.BigEndian.AppendUint64(nil, uint64(r.Offset))
		data = binary.BigEndian.AppendUint64(data, uint64(r.Timestamp))
		data = binary.BigEndian.AppendUint32(data, uint32(r.Partition))
		data = appendBytes(appendBytes(data, r.Key), r.Value)
		data = binary.BigEndian.AppendUint32(data, uint32(len(r.Headers)))
		for _, h := range r.Headers {
			data = appendBytes(appendBytes(data, []byte(h.Name)), h.Value)
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	return errors.Join(out.Flush(), file.Close())
}

func appendBytes(data, field []byte) []byte {
	if field == nil {
		return binary.BigEndian.AppendUint32(data, 0xFFFFFFFF)
	}
	return append(binary.BigEndian.AppendUint32(data, uint32(len(field))), field...)
}

// reader keeps the first error; after it everything is zero.
type reader struct {
	in  *bufio.Reader
	err error
}

func (r *reader) exactly(count int) []byte {
	data := make([]byte, count)
	if r.err == nil {
		_, r.err = io.ReadFull(r.in, data)
	}
	return data
}

func (r *reader) int64() int64 { return int64(binary.BigEndian.Uint64(r.exactly(8))) }
func (r *reader) int32() int32 { return int32(binary.BigEndian.Uint32(r.exactly(4))) }

func (r *reader) bytes() []byte {
	length := r.int32()
	if length < 0 || r.err != nil {
		return nil
	}
	return r.exactly(int(length))
}
