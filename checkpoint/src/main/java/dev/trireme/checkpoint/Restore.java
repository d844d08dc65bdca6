package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.checkpoint.Checkpointer.Restored;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Restores from a path that a user gave. The values are read twice: once to verify all of them, and
 * once, mostly from the page cache, to where they belong; so nothing is touched unless all is
 * right, and no second copy of the state is held.
 */
final class Restore {
  private static final Logger LOG = LoggerFactory.getLogger(Restore.class);

  private final CheckpointPlace place;
  private final Lineage lineage;
  private final List<NamedTensor> tensors;
  private final DeviceMemory memory;
  private final Consumer<String> inUse;

  /**
   * A restore that has not begun.
   *
   * @param place all checkpoints there, or one
   * @param tensors where the values go
   * @param memory that they stand in
   * @param inUse told the name of the checkpoint about to be read, and the empty name at the end
   */
  Restore(
      CheckpointPlace place,
      Lineage lineage,
      List<NamedTensor> tensors,
      DeviceMemory memory,
      Consumer<String> inUse) {
    this.memory = memory;
    this.place = place;
    this.lineage = lineage;
    this.tensors = List.copyOf(tensors);
    this.inUse = inUse;
  }

  /** See {@link dev.trireme.api.checkpoint.Checkpointer#restore}. */
  Optional<Restored> run() {
    tensors.forEach(t -> Snapshot.requireMemoryOf(t, memory));
    CheckpointReader reader = new CheckpointReader(place.storage());
    try {
      return place.one().isPresent()
          ? Optional.of(fromOne(reader, place.one().get()))
          : fromNewest(reader);
    } finally {
      inUse.accept("");
    }
  }

  private Restored fromOne(CheckpointReader reader, String name) {
    inUse.accept(name);
    try {
      Manifest manifest = reader.glance(name);
      requireFit(manifest, place.name());
      reader.verify(name, manifest);
      return load(reader, name, manifest, place.name());
    } catch (DamagedException e) {
      throw new CheckpointException(
          "cannot restore from "
              + place.name()
              + ": "
              + e.getMessage()
              + "; name its parent directory to take the newest whole checkpoint there",
          e);
    } catch (IOException e) {
      throw unreadable(place.name(), e);
    }
  }

  /** What cannot be read now may be the newest and whole: then an older one must not be taken. */
  private CheckpointException unreadable(String from, IOException e) {
    return new CheckpointException(
        "cannot read the checkpoint "
            + from
            + ": "
            + IoMessages.explain(e, from)
            + "; it may be whole, so that none before it was taken: see that the storage answers,"
            + " or move it away",
        e);
  }

  private Optional<Restored> fromNewest(CheckpointReader reader) {
    Selection selection = select(reader);
    selection.skipped().forEach(this::logSkipped);
    for (Selection.Candidate candidate : selection.candidates()) {
      inUse.accept(candidate.name());
      String from = place.locate(candidate.name());
      try {
        requireFit(candidate.manifest(), from);
        reader.verify(candidate.name(), candidate.manifest());
      } catch (DamagedException e) {
        logSkipped(new Selection.Skipped(candidate.name(), e.getMessage()));
        continue;
      } catch (IOException e) {
        throw unreadable(from, e);
      }
      return Optional.of(load(reader, candidate.name(), candidate.manifest(), from));
    }
    LOG.warn("no whole checkpoint in {}", place.name());
    return Optional.empty();
  }

  private Selection select(CheckpointReader reader) {
    try {
      return reader.select(lineage);
    } catch (IOException e) {
      throw new CheckpointException(
          "cannot look for checkpoints: " + IoMessages.explain(e, place.name()), e);
    }
  }

  private void requireFit(Manifest manifest, String from) {
    Optional<String> differences = Fit.differences(manifest, tensors);
    if (differences.isPresent()) {
      throw new CheckpointException(
          "the checkpoint "
              + from
              + " does not fit this job: "
              + differences.get()
              + ". Give the job the model and optimizer that wrote it (its "
              + CheckpointNames.MANIFEST
              + " holds the spec), or start without checkpoint.resumeFrom");
    }
  }

  private Restored load(CheckpointReader reader, String name, Manifest manifest, String from) {
    try (Landing landing = new Landing(tensors, memory)) {
      reader.load(name, manifest, landing);
    } catch (DamagedException e) {
      throw new CheckpointException(
          from
              + " changed while it was being read: "
              + e.getMessage()
              + ". Part of the state has been overwritten: start this rank again",
          e);
    } catch (IOException e) {
      throw unreadable(from, e);
    }
    LOG.info(
        "restored step {} of generation {} from {} ({} tensors, {} bytes, written by {} ranks)",
        manifest.step(),
        manifest.generation(),
        from,
        manifest.tensors().size(),
        manifest.dataBytes(),
        manifest.worldSize());
    return new Restored(from, manifest.generation(), manifest.progress(), manifest.seed());
  }

  private void logSkipped(Selection.Skipped skipped) {
    LOG.warn("skipped {} in {}: {}", skipped.name(), place.name(), skipped.reason());
  }
}
