package dev.trireme.checkpoint;

import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rank 0's housekeeping: carries out what {@link Retention} decides, and sweeps what writers that
 * are gone left behind. Failing at it costs disk space and nothing else.
 */
final class Pruning {
  private static final Logger LOG = LoggerFactory.getLogger(Pruning.class);

  private final CheckpointStorage storage;
  private final Retention retention;
  private final Lineage lineage;
  private final Supplier<Set<String>> inUse;

  Pruning(
      CheckpointStorage storage,
      Retention retention,
      Lineage lineage,
      Supplier<Set<String>> inUse) {
    this.storage = storage;
    this.retention = retention;
    this.lineage = lineage;
    this.inUse = inUse;
  }

  /**
   * Deletes what was being deleted, and what was being written by older generations or for older
   * steps of this one. Writers of newer generations are left alone: beside them, this one is a
   * leftover.
   */
  void sweep(WriteId current) throws IOException {
    CheckpointStorage.Contents contents = storage.contents();
    for (String trash : contents.trash()) {
      storage.deleteTrash(trash);
    }
    for (WriteId staged : contents.staged()) {
      boolean older =
          staged.generation() < current.generation()
              || (staged.generation() == current.generation() && staged.step() < current.step());
      if (older) {
        LOG.info("deleting {} in {}, which was never committed", staged, storage.location());
        storage.stage(staged).discard();
      }
    }
  }

  /** Deletes the checkpoints that are no longer to be kept after {@code committed}. */
  void prune(WriteId committed) throws IOException {
    CheckpointStorage.Contents contents = storage.contents();
    for (String trash : contents.trash()) {
      storage.deleteTrash(trash);
    }
    Retention.Decision decision =
        retention.decide(
            stored(contents),
            new Retention.Stored(
                committed.committedName(), committed.step(), committed.generation(), true, 0),
            inUse.get(),
            lineage);
    if (!decision.ahead().isEmpty()) {
      LOG.warn(
          "{} in {} lie ahead of step {}, so that another run wrote them; they are left alone",
          decision.ahead(),
          storage.location(),
          committed.step());
    }
    for (Retention.Removal removal : decision.removals()) {
      LOG.debug("deleting {}: {}", removal.name(), removal.reason());
      storage.delete(removal.name());
    }
  }

  /**
   * Refuses a checkpoint that would break the limit of their size for good.
   *
   * @param step of the new one
   * @param bytes of the new one
   */
  void requireFit(long step, long bytes) throws IOException {
    if (retention.maxBytes().isPresent()) {
      Optional<String> refusal = retention.refusal(stored(storage.contents()), step, bytes);
      if (refusal.isPresent()) {
        throw new IOException(
            "no room for a checkpoint in " + storage.location() + ": " + refusal.get());
      }
    }
  }

  /** What is there as far as it can be told: the rest is neither counted nor touched. */
  private List<Retention.Stored> stored(CheckpointStorage.Contents contents) {
    CheckpointReader reader = new CheckpointReader(storage);
    List<Retention.Stored> stored = new ArrayList<>();
    for (String name : contents.checkpoints()) {
      try {
        stored.add(stored(reader, name));
      } catch (IOException e) {
        LOG.warn(
            "{} is left alone, for it cannot be read now: {}",
            storage.locate(name),
            IoMessages.explain(e, storage.locate(name)));
      }
    }
    return stored;
  }

  private static Retention.Stored stored(CheckpointReader reader, String name) throws IOException {
    long step = CheckpointNames.stepOf(CheckpointNames.replacedOf(name).orElse(name)).orElseThrow();
    try {
      Manifest manifest = reader.glance(name);
      return new Retention.Stored(name, step, manifest.generation(), true, manifest.shardBytes());
    } catch (DamagedException e) {
      return new Retention.Stored(name, step, -1, false, 0);
    }
  }
}
