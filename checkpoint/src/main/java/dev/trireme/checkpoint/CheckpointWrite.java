package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.checkpoint.CheckpointGate;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.format.Crc32c;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.format.ManifestJson;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import dev.trireme.checkpoint.storage.FileSink;
import dev.trireme.checkpoint.storage.Staging;
import dev.trireme.checkpoint.storage.StoredFile;
import dev.trireme.checkpoint.storage.WriteBoundary;
import dev.trireme.checkpoint.storage.WriteStep;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One rank's part in one checkpoint, as a list of small acts in the order of {@link WriteBoundary}.
 *
 * <p>Why a death between any two of them is harmless: everything up to the publication happens
 * under a name that no reader takes for a checkpoint; what is published was on the disk before, its
 * manifest last; publication is one rename; and whatever follows it only deletes what is not
 * needed. Why a rank of an older generation is harmless: its staging place is another, and without
 * the coordinator's grant it publishes nothing.
 *
 * <p>Threading: one thread. Close it in any case.
 */
final class CheckpointWrite implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CheckpointWrite.class);
  private static final int CHUNK_BYTES = 8 << 20;

  /** Room for headers, manifest, directories and the file system's own books. */
  private static final long SPACE_MARGIN = 4 << 20;

  private final CheckpointerConfig config;
  private final CheckpointGate gate;
  private final CheckpointStorage storage;
  private final Pruning pruning;
  private final CheckpointContent content;
  private final ShardPlan plan;
  private final Snapshot snapshot;
  private final WriteId id;
  private final Staging staging;
  private final ManifestAssembly assembly;

  private byte[] manifest = new byte[0];
  private long bytes;
  private FileSink sink;
  private ShardHashes hashes;
  private boolean published;

  /** What a write works with for as long as its checkpointer lives. */
  record Surroundings(
      CheckpointerConfig config,
      CheckpointGate gate,
      CheckpointStorage storage,
      Pruning pruning,
      Snapshot snapshot) {}

  CheckpointWrite(Surroundings surroundings, CheckpointContent content, ShardPlan plan) {
    this.config = surroundings.config();
    this.gate = surroundings.gate();
    this.storage = surroundings.storage();
    this.pruning = surroundings.pruning();
    this.snapshot = surroundings.snapshot();
    this.content = content;
    this.plan = plan;
    this.id = new WriteId(content.generation(), content.progress().step());
    this.staging = storage.stage(id);
    this.assembly = new ManifestAssembly(content, plan);
  }

  /** The coordinator did not let this checkpoint be. */
  static final class NotGrantedException extends IOException {
    private static final long serialVersionUID = 1L;

    NotGrantedException(String message) {
      super(message);
    }
  }

  /** Which checkpoint this is. */
  WriteId id() {
    return id;
  }

  /** Whether it can be seen: from then on it stays, whatever goes wrong. */
  boolean published() {
    return published;
  }

  /** The size of what was written: on rank 0 of all shards once composed, else of this one's. */
  long bytes() {
    return bytes;
  }

  /** What this rank has to do, in order. */
  List<WriteStep> steps() {
    boolean first = config.rank() == 0;
    List<WriteStep> steps = new ArrayList<>();
    if (first) {
      steps.add(new WriteStep(WriteBoundary.SWEEP, this::sweep));
    }
    steps.add(new WriteStep(WriteBoundary.CREATE_STAGING, staging::create));
    steps.add(new WriteStep(WriteBoundary.CHECK_SPACE, this::checkSpace));
    steps.add(new WriteStep(WriteBoundary.WRITE_SHARD_DATA, this::writeData));
    steps.add(new WriteStep(WriteBoundary.WRITE_SHARD_HEADER, this::writeHeader));
    steps.add(new WriteStep(WriteBoundary.SYNC_SHARD, this::syncShard));
    steps.add(new WriteStep(WriteBoundary.SYNC_SHARD_NAME, staging::syncNames));
    steps.add(
        new WriteStep(WriteBoundary.ANNOUNCE, () -> gate.shardWritten(id.generation(), id.step())));
    if (first) {
      steps.add(new WriteStep(WriteBoundary.AWAIT_GRANT, this::awaitGrant));
      steps.add(new WriteStep(WriteBoundary.COMPOSE, this::compose));
      staging.publication(() -> manifest).stream().map(this::noting).forEach(steps::add);
      steps.add(new WriteStep(WriteBoundary.PRUNE, this::prune));
    }
    return steps;
  }

  /** Takes back what this rank has written of a checkpoint that is not to be. */
  void discard() throws IOException {
    close();
    if (published) {
      return;
    }
    if (config.rank() == 0) {
      staging.discard();
    } else {
      staging.remove(CheckpointNames.shardName(config.rank()));
    }
  }

  @Override
  public void close() throws IOException {
    if (hashes != null) {
      hashes.close();
    }
    if (sink != null) {
      sink.close();
    }
  }

  private WriteStep noting(WriteStep step) {
    return step.boundary() != WriteBoundary.PUBLISH
        ? step
        : new WriteStep(
            step.boundary(),
            () -> {
              step.action().run();
              published = true;
            });
  }

  private void sweep() {
    try {
      pruning.sweep(id);
    } catch (IOException e) {
      LOG.warn("cannot sweep leftovers: {}", IoMessages.explain(e, storage.location()));
    }
  }

  private void checkSpace() throws IOException {
    if (config.rank() == 0) {
      pruning.requireFit(id.step(), plan.allBytes());
    }
    OptionalLong usable = storage.usableBytes();
    if (usable.isPresent() && usable.getAsLong() < neededBytes()) {
      throw new IOException(
          "no space for a checkpoint in " + storage.location() + ": " + room(usable.getAsLong()));
    }
  }

  /** What this rank needs and what there is, for a person; empty where that cannot be known. */
  String room() {
    try {
      OptionalLong usable = storage.usableBytes();
      return usable.isPresent() ? room(usable.getAsLong()) : "";
    } catch (IOException e) {
      return "";
    }
  }

  private String room(long usable) {
    String all =
        "the shards of all "
            + config.worldSize()
            + " ranks need "
            + neededBytes()
            + " bytes more, ";
    return (forAll() ? all : "")
        + "rank "
        + config.rank()
        + " needs "
        + shardBytes()
        + " bytes, "
        + usable
        + " are free; free some, lower checkpoint.keep, or set checkpoint.maxSize";
  }

  /** All ranks write to one place, and rank 0 looks for all: each alone may find room enough. */
  private boolean forAll() {
    return config.rank() == 0 && config.worldSize() > 1;
  }

  private long shardBytes() {
    return plan.dataBytes(config.rank()) + SPACE_MARGIN;
  }

  private long neededBytes() {
    if (!forAll()) {
      return shardBytes();
    }
    long there = 0;
    for (int rank = 1; rank < config.worldSize(); rank++) {
      there += stagedBytes(rank);
    }
    return Math.max(shardBytes(), plan.allBytes() + SPACE_MARGIN - there);
  }

  /** What another rank, which may be ahead, has written already. */
  private long stagedBytes(int rank) {
    try (StoredFile shard = staging.open(CheckpointNames.shardName(rank))) {
      return Math.min(shard.size(), plan.dataBytes(rank));
    } catch (IOException e) {
      return 0;
    }
  }

  /** The header holds the hashes, whose room is known before they are. */
  private void writeData() throws IOException {
    List<SafetensorsHeader.Entry> shard = plan.shard(config.rank());
    int headerBytes = header(ShardHashes.blank(shard)).length;
    long size = plan.dataBytes(config.rank());
    bytes = headerBytes + size;
    sink = staging.write(CheckpointNames.shardName(config.rank()), headerBytes);
    hashes = ShardHashes.begin(config.rank(), shard, snapshot);
    for (long at = 0; at < size; at += CHUNK_BYTES) {
      int length = (int) Math.min(CHUNK_BYTES, size - at);
      sink.append(NativeMemory.view(snapshot.base() + at, length));
    }
  }

  private void writeHeader() throws IOException {
    sink.head(ByteBuffer.wrap(header(hashes.await())));
  }

  private byte[] header(Map<String, Crc32c> hashes) {
    return assembly.header(config.rank(), hashes).encode();
  }

  private void syncShard() throws IOException {
    sink.sync();
    sink.close();
  }

  private void awaitGrant() throws IOException {
    if (!gate.awaitGrant(id.generation(), id.step(), config.grantTimeout())) {
      throw new NotGrantedException(
          "the coordinator gave no grant for "
              + id
              + ": that generation is over, or not every rank's shard was written within "
              + config.grantTimeout().toSeconds()
              + " s");
    }
  }

  private void compose() throws IOException {
    Set<String> expected = new TreeSet<>();
    for (int rank = 0; rank < config.worldSize(); rank++) {
      expected.add(CheckpointNames.shardName(rank));
    }
    staging.keepOnly(expected);
    refuseToReplaceNewer();
    Manifest composed = assembly.compose(staging);
    manifest = ManifestJson.encode(composed);
    bytes = composed.shardBytes() + manifest.length;
  }

  /** The grant is the authority; this catches two jobs that write into one directory. */
  private void refuseToReplaceNewer() throws IOException {
    String name = id.committedName();
    if (!storage.contents().checkpoints().contains(name)) {
      return;
    }
    try {
      long there = new CheckpointReader(storage).glance(name).generation();
      if (there > id.generation()) {
        throw new IOException(
            storage.locate(name)
                + " was written by generation "
                + there
                + ", this one is "
                + id
                + "; give this job a directory of its own");
      }
    } catch (DamagedException e) {
      LOG.warn("replacing {}, which is damaged: {}", storage.locate(name), e.getMessage());
    }
  }

  private void prune() {
    try {
      pruning.prune(id);
    } catch (IOException e) {
      LOG.warn("cannot delete old checkpoints: {}", IoMessages.explain(e, storage.location()));
    }
  }
}
