package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.checkpoint.Checkpointer.Restored;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.storage.FileSystemStorage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Restores from a path that a user gave. The values are read twice: once to verify all of them, and
 * once, mostly from the page cache, to where they belong; so nothing is touched unless all is
 * right, and no second copy of the state is held.
 */
final class Restore {
  private static final Logger log = LoggerFactory.getLogger(Restore.class);

  private final Path source;
  private final List<NamedTensor> tensors;
  private final Consumer<String> inUse;

  /**
   * A restore that has not begun.
   *
   * @param source a directory of checkpoints, or one checkpoint
   * @param tensors where the values go
   * @param inUse told the name of the checkpoint about to be read, and the empty name at the end
   */
  Restore(Path source, List<NamedTensor> tensors, Consumer<String> inUse) {
    this.source = source;
    this.tensors = List.copyOf(tensors);
    this.inUse = inUse;
  }

  /** See {@link dev.trireme.api.checkpoint.Checkpointer#restore}. */
  Optional<Restored> run() {
    tensors.forEach(Snapshot::requireHostMemory);
    requireDirectory();
    try {
      return isOneCheckpoint() ? Optional.of(fromOne()) : fromNewest();
    } finally {
      inUse.accept("");
    }
  }

  private void requireDirectory() {
    String expected = "; expected a directory of checkpoints or one step-* in it";
    if (!Files.exists(source)) {
      throw new CheckpointException(
          "there is nothing at " + source.toAbsolutePath() + " to restore from" + expected);
    }
    if (!Files.isDirectory(source)) {
      throw new CheckpointException(source + " is not a directory" + expected);
    }
  }

  private boolean isOneCheckpoint() {
    Path last = source.toAbsolutePath().normalize().getFileName();
    String name = last == null ? "" : last.toString();
    if (CheckpointNames.stagingOf(name).isPresent()) {
      throw new CheckpointException(
          source + " was never committed, so that its state may be half; take a step-* instead");
    }
    return CheckpointNames.stepOf(name).isPresent()
        || Files.exists(source.resolve(CheckpointNames.MANIFEST));
  }

  private Restored fromOne() {
    Path whole = source.toAbsolutePath().normalize();
    CheckpointReader reader = new CheckpointReader(new FileSystemStorage(whole.getParent()));
    String name = whole.getFileName().toString();
    inUse.accept(name);
    try {
      Manifest manifest = reader.glance(name);
      requireFit(manifest, source);
      reader.verify(name, manifest);
      return load(reader, name, manifest, source);
    } catch (DamagedException e) {
      throw new CheckpointException(
          "cannot restore from "
              + source
              + ": "
              + e.getMessage()
              + "; name its parent directory to take the newest whole checkpoint there",
          e);
    }
  }

  private Optional<Restored> fromNewest() {
    CheckpointReader reader = new CheckpointReader(new FileSystemStorage(source));
    Selection selection = select(reader);
    selection.skipped().forEach(this::logSkipped);
    for (Selection.Candidate candidate : selection.candidates()) {
      inUse.accept(candidate.name());
      Path from = source.resolve(candidate.name());
      try {
        requireFit(candidate.manifest(), from);
        reader.verify(candidate.name(), candidate.manifest());
      } catch (DamagedException e) {
        logSkipped(new Selection.Skipped(candidate.name(), e.getMessage()));
        continue;
      }
      return Optional.of(load(reader, candidate.name(), candidate.manifest(), from));
    }
    log.warn("no whole checkpoint in {}", source);
    return Optional.empty();
  }

  private Selection select(CheckpointReader reader) {
    try {
      return reader.select();
    } catch (IOException e) {
      throw new CheckpointException(
          "cannot look for checkpoints: " + IoMessages.explain(e, source.toString()), e);
    }
  }

  private void requireFit(Manifest manifest, Path from) {
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

  private Restored load(CheckpointReader reader, String name, Manifest manifest, Path from) {
    Map<String, NamedTensor> byName =
        tensors.stream().collect(Collectors.toMap(NamedTensor::name, Function.identity()));
    try {
      reader.load(name, manifest, stored -> byName.get(stored.spec().name()).data().address());
    } catch (DamagedException e) {
      throw new CheckpointException(
          from
              + " changed while it was being read: "
              + e.getMessage()
              + ". Part of the state has been overwritten: start this rank again",
          e);
    }
    log.info(
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
    log.warn("skipped {} in {}: {}", skipped.name(), source, skipped.reason());
  }
}
