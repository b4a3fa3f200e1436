package tell

import (
	"fmt"
	"strconv"
	"strings"
)

// Int32 reads a number the tests wrote.
func Int32(word string) int32 { return int32(Int64(word)) }

// Int64 reads a number the tests wrote.
func Int64(word string) int64 {
	number, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		panic(err)
	}
	return number
}

// Offsets reads words of the form partition:offset.
func Offsets(words []string) map[int32]int64 {
	offsets := make(map[int32]int64, len(words))
	for _, word := range words {
		partition, offset, _ := strings.Cut(word, ":")
		offsets[Int32(partition)] = Int64(offset)
	}
	return offsets
}

// Join writes the offsets of partitions 0, 1, ... as words.
func Join(offsets []int64) string {
	return strings.Trim(fmt.Sprint(offsets), "[]")
}
