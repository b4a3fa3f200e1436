//! Every limit of the broker, by name, with what happens when it is reached ("Full:").
//! Only constants; `docs/limits.md` lists them and a test keeps the two together.

/// Topic name length, in bytes. Kafka's 249: the folder `<topic>-<partition>` must stay a file
/// name. Full: INVALID_TOPIC_EXCEPTION.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Topics of one broker. Full: CreateTopics answers POLICY_VIOLATION.
pub const TOPICS_MAX: usize = 100_000;

/// Partitions of one topic. Full: INVALID_PARTITIONS.
pub const TOPIC_PARTITIONS_MAX: i32 = 10_000;

/// Partitions of one shard. Full: CreateTopics and CreatePartitions answer POLICY_VIOLATION.
pub const SHARD_PARTITIONS_MAX: usize = 20_000;

/// Topics named by one control request (create, delete, alter). Full: the request is refused with
/// INVALID_REQUEST.
pub const CONTROL_TOPICS_PER_REQUEST_MAX: usize = 10_000;

/// Control requests of one shard that wait for the controller. Full: the client gets the retriable
/// REQUEST_TIMED_OUT.
pub const CONTROL_REQUESTS_PER_SHARD_MAX: usize = 256;

/// How long a client's change waits for all shards to take up the new metadata. Over: the answer
/// is sent all the same, the change is durable.
pub const CONTROL_APPLY_WAIT_MS_MAX: u64 = 10_000;

/// Producer ids reserved by one durable step of the controller. Full: the next block is reserved.
pub const PRODUCER_ID_BLOCK: i64 = 1000;

/// Partitions of one shard opened at the same time at start. Full: the next one waits.
pub const OPENING_PARTITIONS_MAX: usize = 32;

/// Smallest stretch of zeros kept ahead of a log's end: the disk cost of a quiet partition.
pub const ZERO_AHEAD_BYTES_MIN: u64 = 256 << 10;

/// Largest stretch of zeros kept ahead of a log's end; a faster writer runs into extents that are
/// allocated but not zeroed, which is slower and as safe.
pub const ZERO_AHEAD_BYTES_MAX: u64 = 64 << 20;

/// The zeros ahead last this long at the log's present rate.
pub const ZERO_AHEAD_SECONDS: u64 = 2;

/// One zero write; small, so that it hardly delays a durable write behind it.
pub const ZERO_WRITE_BYTES: usize = 64 << 10;

/// The zeroer makes its progress stable after this many bytes.
pub const ZERO_FLUSH_BYTES: u64 = 4 << 20;

/// Zeroing per shard; beyond it the zeroer sleeps, and writers use plain allocated extents.
pub const ZERO_BYTES_PER_SECOND: u64 = 100 << 20;

/// Bytes of one durable write; what waits beyond goes with the next.
pub const WRITE_BYTES_MAX: u64 = 1 << 20;

/// A second write of a log opens only when this much is waiting.
pub const SECOND_WRITE_BYTES_MIN: u64 = 256 << 10;

/// A log goes on in a full segment for this long while the next file is not ready; then appends
/// wait.
pub const SEGMENT_OVERRUN_BYTES_MAX: u64 = 16 << 20;

/// Segments end below this: Kafka's index positions are 31 bits.
pub const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64 - SEGMENT_OVERRUN_BYTES_MAX;

/// One read of the recovery scan.
pub const SCAN_BYTES: usize = 1 << 20;

/// A batch that claims to be larger is damaged.
pub const BATCH_BYTES_MAX: usize = 128 << 20;

/// Open files of sealed segments per shard; the one not used for longest is closed.
pub const OPEN_SEGMENTS_MAX: usize = 256;

/// Memory for indexes of sealed segments per shard; the one not used for longest is dropped.
pub const INDEX_CACHE_BYTES_MAX: usize = 16 << 20;

/// A larger index file is not read: it is rebuilt from the segment.
pub const INDEX_FILE_BYTES_MAX: u64 = 64 << 20;

/// When readers hold more than one part in this many of the window, tail reads are copied.
pub const WINDOW_PINNED_PART: usize = 2;

/// How far a read looks for the next intact batch behind damage that no index entry bounds.
pub const RESYNC_BYTES_MAX: u64 = 1 << 20;

/// Files kept for reuse per shard; more are deleted.
pub const POOL_FILES_MAX: usize = 3;

/// A file is cut to this before it goes to the pool.
pub const POOL_FILE_BYTES_MAX: u64 = 64 << 20;

/// Smaller files are not worth keeping: they are deleted.
pub const POOL_FILE_BYTES_MIN: u64 = 1 << 20;

/// A larger checkpoint file is taken for damaged.
pub const CHECKPOINT_BYTES_MAX: u64 = 64 << 20;

/// Longest wait of a Fetch, in milliseconds. Over: the client's max_wait is cut to it.
pub const FETCH_WAIT_MS_MAX: i32 = 300_000;

/// Largest Fetch answer, in bytes. Over: the client's max_bytes is cut to it; at least one batch is
/// always sent.
pub const FETCH_BYTES_MAX: usize = 55 << 20;

/// Partitions remembered by one fetch session. Full: that fetch gets no session and works as a full
/// fetch.
pub const FETCH_SESSION_PARTITIONS_MAX: usize = 10_000;

/// Partitions remembered by all fetch sessions of a shard. Full: the stalest session makes room
/// when it has been idle for [`FETCH_SESSION_EVICT_MS`], else the fetch works without a session.
pub const FETCH_SESSION_PARTITIONS_TOTAL_MAX: usize = 100_000;

/// A fetch session idle for this long may be evicted for a new one (KIP-227's two minutes).
pub const FETCH_SESSION_EVICT_MS: i64 = 120_000;

/// Longest time a Produce or an admin request waits for its answer, in milliseconds. Over: the
/// client's timeout is cut to it.
pub const REQUEST_TIMEOUT_MS_MAX: i32 = 300_000;

/// Partitions listed by one DescribeTopicPartitions answer (Kafka's own default). Full: the answer
/// carries a cursor to go on from.
pub const DESCRIBE_PARTITIONS_MAX: usize = 2000;

/// Length of a client id shown in log lines, in bytes. Over: cut.
pub const CLIENT_ID_SHOWN_BYTES_MAX: usize = 64;

/// Length of `metadata.json` that is read at start. Over: the broker refuses to start.
pub const METADATA_FILE_BYTES_MAX: u64 = 256 << 20;

/// Requests of one connection that wait for their answers. Full: its socket is not read.
pub const CONNECTION_REQUESTS_MAX: usize = 256;

/// Bytes of one connection's requests that wait for their answers. Full: its socket is not read.
pub const CONNECTION_REQUEST_BYTES_MAX: usize = 8 << 20;

/// How long one request may take to arrive and one answer to be taken, in milliseconds. Over: the
/// connection is closed.
pub const CONNECTION_STALL_MS_MAX: u64 = 30_000;

/// Buffers gathered into one send call. Full: the next answers travel in the next call.
pub const ANSWER_BUFFERS_PER_SEND_MAX: usize = 512;

/// Last batches of a producer that are remembered, so that a repeated one is recognised. Kafka's
/// five: clients keep at most five requests in flight when idempotent. Full: the oldest is forgotten.
pub const PRODUCER_BATCHES_MAX: usize = 5;

/// Idempotent producers remembered by one partition. Full: those silent for
/// [`PRODUCER_KEPT_MS_MIN`] are forgotten; if none is, a new producer gets the retriable
/// THROTTLING_QUOTA_EXCEEDED.
pub const PRODUCERS_PER_PARTITION_MAX: usize = 5_000;

/// Idempotent producers remembered by all partitions of a shard (about 250 bytes each). Full: as
/// [`PRODUCERS_PER_PARTITION_MAX`].
pub const PRODUCERS_PER_SHARD_MAX: usize = 200_000;

/// A producer heard of within this time is never forgotten to make room: five times the two minutes
/// for which clients repeat a batch by default (`delivery.timeout.ms`).
pub const PRODUCER_KEPT_MS_MIN: i64 = 600_000;

/// Bytes that one batch may have after decompression, where the broker has to look inside (time
/// lookups, legacy clients). Over: that batch counts as unreadable for the lookup.
pub const DECOMPRESSED_BATCH_BYTES_MAX: usize = 64 << 20;

/// Bytes that the compressed messages of one message set may have together, in Produce versions 0 to
/// 2. Over: MESSAGE_TOO_LARGE.
pub const LEGACY_DECOMPRESSED_BYTES_MAX: usize = 16 << 20;

/// Reads of one partition for one Fetch of versions 0 to 3, when nothing read so far was for the
/// client (control batches, compacted records). Over: nothing this time, the client asks again.
pub const LEGACY_READS_MAX: usize = 256;

/// Fetch requests of one partition that wait for data. Full: the fetch is answered at once with what
/// there is.
pub const FETCH_WAITERS_PER_PARTITION_MAX: usize = 10_000;

/// Length of one request, in bytes; less when the memory budget is small. Over: the connection is
/// closed.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// Bytes appended to a partition after which its producers are written to a snapshot again, so that
/// opening it after a crash walks no more than this for them.
pub const PRODUCER_SNAPSHOT_BYTES: u64 = 64 << 20;

/// The same by time, for a partition with few appends.
pub const PRODUCER_SNAPSHOT_MS: i64 = 600_000;

/// Longest time until the records of a topic with relaxed flushing become stable and visible to
/// readers, in milliseconds. Over: `flush.ms` is cut to it.
pub const RELAXED_FLUSH_MS_MAX: i64 = 50;

/// How old the durable floor of a shard's logs may be, in milliseconds: a restart after a crash
/// scans what came later.
pub const CHECKPOINT_MS: u64 = 5_000;

/// Smallest read from a file that is worth starting, in bytes. Less is free of the shard's memory
/// for such reads: the fetch waits, at most its max_wait, and is answered without that partition's
/// records.
pub const FETCH_READ_BYTES_MIN: usize = 64 << 10;

/// The part (one in so many) of a shard's memory that answers read from files may hold until they
/// are sent. Full: see [`FETCH_READ_BYTES_MIN`].
pub const FETCH_READ_MEMORY_SHARE: u64 = 8;

/// Tail window of one shard, in bytes, whatever the memory budget: enough for every tail reader to
/// be served from memory, and prefaulted in a fraction of a second. Full: flushed chunks are used
/// again, oldest partition first; their bytes are then read from disk.
pub const WINDOW_BYTES_MAX: u64 = 256 << 20;
