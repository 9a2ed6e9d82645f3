/**
 * Every limit of dwbase, in one place. Sizes are bytes unless the name says otherwise; MB = 2^20 bytes.
 * The relations that other code relies on are asserted at the bottom.
 */
export const KB = 1024;
export const MB = 1024 * KB;

export const LIMITS = {
  // --- requests ---
  /** Default of node.limits.body_bytes: the largest request body. */
  bodyBytes: 2 * MB,
  /** Largest NDJSON stream of one request. */
  ndjsonBytes: 64 * MB,
  /** Largest single NDJSON line. */
  ndjsonLineBytes: 2 * MB,
  /** Atoms in one JSON or MessagePack batch, and lines in one NDJSON commit. */
  batchAtoms: 1000,
  /** Nesting of JSON and MessagePack values. */
  depth: 64,
  /** Excess body bytes that are read and dropped before the connection is closed after a 413. */
  drainBytes: 8 * MB,
  /** How long such excess is waited for. */
  drainMs: 1000,
  /** How long a body over `largeBodyBytes` may take to arrive. */
  bodyReadMs: 30_000,
  /** How long a line of a stream may wait for others to be committed with. */
  ndjsonLingerMs: 20,
  /** Answer lines kept for a client that does not read them, before reading its lines is paused. */
  ndjsonAnswerBytes: MB,
  requestIdChars: 128,
  idempotencyKeyChars: 256,

  // --- atoms ---
  worldChars: 256,
  workerChars: 128,
  payloadBytes: 256 * KB,
  listItems: 64,
  listItemChars: 256,
  vectorDimensions: 4096,
  /** How far in the future a timestamp may lie when the node's clock is sane. */
  futureMs: 24 * 3600 * 1000,
  descriptionChars: 4096,
  /** Longest retention_days of a policy: a hundred years. */
  retentionDays: 36_500,

  // --- answers ---
  askLimit: 100,
  askDefault: 10,
  askTextChars: 65_536,
  askAnswerBytes: 4 * MB,
  replayAtoms: 1000,
  replayBytes: 2 * MB,
  /** Answers from this size on are compressed where that is accepted. */
  gzipBytes: KB,
  /** Largest answer that the main thread compresses itself; larger ones come compressed or are kept so. */
  gzipMainBytes: 128 * KB,
  /** Rows a replay or listing may look at for one page before it returns a cursor. */
  replayScanRows: 50_000,
  /** Question words that are scored, rarest first. */
  queryWords: 64,
  /** Best atoms of the lexical and of the semantic list each that are ranked, with their thread neighbours. */
  askCandidates: 100,
  /** Best atoms by words alone whose thin rows are read to find them. */
  askFinalists: 200,
  /** Postings of the question's rarest words that are read in full; commoner words are scored where those hit. */
  askPostings: 4000,
  /** Newest atoms that each combination of commoner words adds. */
  askCommonHits: 500,

  // --- memory family ---
  /** Characters of an episode, of an entity's details and of a skill's script. */
  episodeChars: 50_000,
  memoryQueryChars: 10_000,
  nameChars: 500,
  /** Characters of an entity's summary, a skill's task and a step's action. */
  summaryChars: 10_000,
  triggerChars: 1000,
  skillSteps: 1000,
  /** Memories that one feedback names. */
  feedbackIds: 100,
  /** The first of them are tied to one another: as many ties as pairs. */
  feedbackTies: 10,
  /** Largest answer of a list or recall of memories: with it they end. */
  memoryAnswerBytes: 8 * MB,
  /** Longest page of episodes, one that is not asked for otherwise, and most entities and skills of a list. */
  episodePage: 100,
  episodePageDefault: 20,
  /** The last page of episodes that can be asked for. */
  episodePages: 1_000_000,
  entityList: 500,
  skillList: 200,
  /** Items of one import request. */
  importItems: 1000,
  /** Relations of one entity that are listed. */
  relationList: 500,
  /**
   * Edges of a node along which activation spreads, heaviest first; nodes that one spreading reaches, and those of them
   * that pass it on, the most active first: each of these costs a look-up of its edges. The start and all of its
   * neighbours can.
   */
  spreadFanOut: 50,
  spreadNodes: 250,
  spreadPassing: 51,

  /** Episodes that consolidation compares with each other at a time: quadratic, on the writer. */
  consolidationPage: 128,
  /** Episodes back in which it finds one that says the same; kept with each page of a light pass, about 60 bytes each. */
  consolidationReach: 1024,
  /** Duplicates that one slice of it merges, and clusters of which one slice makes candidates. */
  consolidationMerges: 16,
  consolidationClusters: 4,
  /** Members of a cluster that its candidate links to. */
  provenanceLinks: 5,

  // --- text ---
  /** Longest index term; longer words are cut. */
  termChars: 64,
  /** Terms of one atom that are indexed. */
  atomTerms: 65_536,
  /** Distinct authors of one atom, and index terms of one author's name. */
  atomAuthors: 64,
  authorTerms: 16,
  /** Longest sentence an answer quotes, and sentences of one text that are looked at. */
  sentenceChars: 1000,
  sentences: 1000,
  /** Months and days each that a question can name. */
  timeCues: 16,

  // --- embedding ---
  /** Characters of a text that are embedded, word pieces of it, and characters of one word. */
  embedTextChars: 65_536,
  embedPieces: 512,
  embedWordChars: 100,
  /** Texts of one request to an embedding provider, and their characters unless it is one text. */
  embedBatch: 64,
  embedBatchChars: 256 * KB,
  /** Largest answer of a provider: a full batch of the largest vectors, written out as decimals. */
  embedAnswerBytes: 8 * MB,
  /** Longest text whose vector from a provider is cached. */
  embedCacheChars: 4096,
  /** Tries of one such request, and how long the first pause between them is at most; it doubles. */
  embedTries: 3,
  embedPauseMs: 200,

  // --- calls to the outside ---
  /** Failures in a row that open a circuit breaker and how long it is open; while half open, its calls at a time and
   * the successes that close it. */
  circuitFailures: 5,
  circuitOpenMs: 30_000,
  circuitTrials: 3,
  circuitSuccesses: 3,

  /** Atoms that wait in the tail of the text index before they are folded into it together. */
  textTail: 256,
  /** Atoms that wait there at most while the index that they would be folded into is damaged. */
  textTailDamaged: 4096,

  // --- threads and queues ---
  workerRequests: 256,
  workerBytes: 16 * MB,
  readDeadlineMs: 10_000,
  writeDeadlineMs: 30_000,
  /** Bodies over this size count as large; at most `largeBodies` are admitted at once. */
  largeBodyBytes: 128 * KB,
  largeBodies: 4,
  /** NDJSON streams in flight at once. */
  ndjsonStreams: 8,
  /** Requests in flight at once. */
  requestsInFlight: 1024,
  /** Open connections; beyond them those are closed that have asked nothing yet or been quiet longest. */
  connections: 2048,
  /** Bytes of answers that clients do not take; beyond them those connections are closed that were answered first. */
  unreadBytes: 32 * MB,
  /** Open files that are left for the store, its threads and its children where the process may open few. */
  ownDescriptors: 128,
  /** Seconds a connection may be idle, also while its request is worked on. */
  idleSeconds: 45,
  /** Requests in flight get this long to end, then the threads `closeMs` to commit: together below 10 s. */
  shutdownMs: 6_000,
  closeMs: 3_500,

  // --- storage ---
  pageSize: 4096,
  walPassiveBytes: 4 * MB,
  walRestartBytes: 16 * MB,
  /** A forgotten atom's bytes are out of every file within this time. */
  forgetPurgeMs: 60_000,
  /** How soon after a forget the purge is first tried. */
  forgetFirstTryMs: 1_000,
  idempotencyMs: 24 * 3600 * 1000,
  idempotencyRows: 100_000,
  retentionEveryMs: 60_000,
  retentionRows: 500,
  /** The same while the disk is full: sooner, and in slices that the ballast's space pays for. */
  retentionFullMs: 2000,
  retentionFullRows: 50,
  threadAtoms: 10_000,
  threadGapMs: 30 * 60 * 1000,
  /** Wall clock steps larger than this suspend retention for `clockQuarantineMs`. */
  clockStepMs: 24 * 3600 * 1000,
  clockQuarantineMs: 24 * 3600 * 1000,
  trustVotes: 5,
  ballastBytes: 4 * MB,
  /** How often the wear of the card is noted. */
  wearNoteMs: 3_600_000,
  /** Damaged things that are named in /health. */
  damageNotes: 100,
  /** How long the copy made before an upgrade is kept once the new binary runs. */
  migrationCopyMs: 7 * 24 * 3600 * 1000,
  /** Size of the WAL at which a backup's copy is ended, so that no write is refused for it. */
  backupWalBytes: 64 * MB,
  /** Longest time of a backup's copying, which keeps what is forgotten meanwhile in the WAL. */
  backupReadMs: 600_000,
  /** Memory that making, checking or restoring an archive may take, its child included. */
  backupRamBytes: 64 * MB,
  /** Longest metadata.json of an archive. */
  backupMetadataBytes: 4 * MB,
  /** Page cache of the write connection, which bounds what a commit adds to the WAL unseen. */
  writerCacheBytes: 2 * MB,

  // --- vectors ---
  /** Bytes of int8 vectors of one world whose exact scan takes about 10 ms on a Raspberry Pi 4. */
  exactVectorBytes: 32 * MB,
  /** Nearest vectors of the approximate index that are scored exactly; four times as many when a filter is strict. */
  annCandidates: 200,
  /** Vectors beyond the approximate index, scanned with each question, from which it is extended. */
  annTailRows: 16_384,
  /** A world's approximate index is built anew because of removals at most this often. */
  annRebuildMs: 3_600_000,
  /** How long after a failed build the next is tried. */
  annRetryMs: 600_000,

  // --- configuration ---
  /** Largest configuration file. */
  configBytes: 64 * KB,
  /** Lines of one value in it; finding where a value ends takes time quadratic in them. */
  configValueLines: 1000,

  // --- auth ---
  wrongKeysFree: 10,
  wrongKeyDelayMs: 1000,
  wrongKeyWaiting: 64,
  trackedAddresses: 4096,
  /** Keys made at run time, patterns in one list of a key, and characters of its name. */
  keys: 1000,
  keyPatterns: 256,
  keyNameChars: 64,
  /** Rates of their own that keys have, for each a set of buckets. */
  keyRates: 64,
  /** Requests of the memory family a minute for each key or address, and how many may come at once. */
  memoryPerMin: 100,
  memoryBurst: 200,

  // --- audit log ---
  /** Entries that are kept; the oldest are dropped `auditBlock` at a time. */
  auditEntries: 10_000,
  auditBlock: 1000,
  /** Longest actor or target of an entry, and longest detail. */
  auditNameChars: 256,
  auditDetailChars: 1000,

  // --- control plane ---
  /** Changes of the panic level that are shown. */
  panicEvents: 50,
  /** Shortest and longest reason of a panic, and longest source. */
  panicReasonMin: 5,
  panicReasonChars: 500,
  panicSourceChars: 64,

  // --- secrets ---
  /** Largest file that is read as a secret, and readings that are shown. */
  secretBytes: 4096,
  secretReads: 256,

  // --- command line ---
  /** How long the command line waits for a node's answer. */
  clientTimeoutMs: 60_000,
  /** Longest answer that the command line reads. */
  clientAnswerBytes: 64 * MB,
  /** NDJSON bytes of one request of an import; a chunk also ends at `batchAtoms` lines. */
  importChunkBytes: 8 * MB,
  /** Largest export of World Weaver that is read, and bytes of one request of its import unless it is one item. */
  worldWeaverBytes: 256 * MB,
  worldWeaverChunkBytes: MB,
  importRetries: 5,
  retryDelayMs: 30_000,
  devnetNodes: 64,
  /** How long a deployed node may take until it answers. */
  readyMs: 30_000,
  /** Restarts (exit 75) of one deployed node within `restartWindowMs` before it is left stopped. */
  restarts: 5,
  restartWindowMs: 60_000,

  // --- telemetry ---
  logBufferBytes: MB,
  /** Spans that wait for the collector, how long they gather, and how long one sending may take. */
  traceSpans: 2048,
  traceDelayMs: 2000,
  traceSendMs: 5000,
  /** How long a stopping node still sends spans. */
  traceStopMs: 300,
  trustSeries: 100,
} as const;

const relations: [string, boolean][] = [
  [
    "a payload fits a body even when every byte is escaped as \\uXXXX",
    LIMITS.payloadBytes * 6 < LIMITS.bodyBytes,
  ],
  ["a replay page fits beside others in a worker's budget", LIMITS.replayBytes * 2 <= LIMITS.workerBytes],
  ["an answer fits a worker's budget", LIMITS.askAnswerBytes <= LIMITS.workerBytes],
  ["a body fits a worker's budget", LIMITS.bodyBytes * 2 <= LIMITS.workerBytes],
  ["the first purge try leaves time for retries", LIMITS.forgetFirstTryMs * 10 <= LIMITS.forgetPurgeMs],
  ["the ballast outweighs what a commit adds unseen", LIMITS.writerCacheBytes < LIMITS.ballastBytes],
  ["the WAL is checkpointed before it is forced", LIMITS.walPassiveBytes < LIMITS.walRestartBytes],
  [
    "an import chunk with its last line fits a stream",
    LIMITS.importChunkBytes + LIMITS.ndjsonLineBytes < LIMITS.ndjsonBytes,
  ],
  ["the command line waits longer than a node works", LIMITS.clientTimeoutMs > LIMITS.writeDeadlineMs],
  ["a node checkpoints before a backup gives way", LIMITS.walRestartBytes < LIMITS.backupWalBytes],
  ["writes outlive reads", LIMITS.readDeadlineMs <= LIMITS.writeDeadlineMs],
  ["half of the connections can be closed at any time", LIMITS.requestsInFlight * 2 <= LIMITS.connections],
  [
    "a page of the largest episodes fits an answer, escaped and with its other fields",
    LIMITS.episodePageDefault * (LIMITS.payloadBytes + 4 * KB) <= LIMITS.memoryAnswerBytes,
  ],
  [
    "some of the largest answers may wait for slow clients",
    Math.max(LIMITS.askAnswerBytes, LIMITS.memoryAnswerBytes) * 4 <= LIMITS.unreadBytes,
  ],
  ["a connection outlives a write", LIMITS.writeDeadlineMs < LIMITS.idleSeconds * 1000],
  [
    "a batch of the largest vectors fits a provider's answer",
    LIMITS.embedBatch * LIMITS.vectorDimensions * 25 < LIMITS.embedAnswerBytes,
  ],
  ["dropping a block of the audit log leaves most of it", LIMITS.auditBlock * 4 <= LIMITS.auditEntries],
  ["a line that fits a request fits a stream", LIMITS.ndjsonLineBytes <= LIMITS.ndjsonBytes],
];
for (const [what, holds] of relations) {
  if (!holds) throw new Error(`limits contradict each other: ${what}`);
}
