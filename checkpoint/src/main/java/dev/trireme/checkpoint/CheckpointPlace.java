package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.S3Spec;
import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import dev.trireme.checkpoint.storage.FileSystemStorage;
import dev.trireme.checkpoint.storage.s3.S3Address;
import dev.trireme.checkpoint.storage.s3.S3Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a user means by the name of a place: all checkpoints there, or one of them.
 *
 * @param name as the user gave it
 * @param storage that holds them
 * @param one the checkpoint that is meant; empty when all are
 */
public record CheckpointPlace(String name, CheckpointStorage storage, Optional<String> one)
    implements AutoCloseable {
  private static final String EXPECTED =
      "; expected a directory of checkpoints or one step-* in it";

  /**
   * Where checkpoints are read.
   *
   * @param name a directory of checkpoints or one in it; or the same in an object store
   * @throws CheckpointException when there is nothing of the kind
   */
  public static CheckpointPlace existing(String name, S3Spec s3) {
    if (CheckpointSpec.isS3(name)) {
      return inObjectStore(name, s3);
    }
    Path path = path(name);
    if (!Files.exists(path)) {
      throw new CheckpointException(
          "there is nothing at " + path.toAbsolutePath() + " to restore from" + EXPECTED);
    }
    if (!Files.isDirectory(path)) {
      throw new CheckpointException(path + " is not a directory" + EXPECTED);
    }
    Path whole = path.toAbsolutePath().normalize();
    String last = whole.getFileName() == null ? "" : whole.getFileName().toString();
    if (CheckpointNames.stagingOf(last).isPresent()) {
      throw new CheckpointException(
          path + " was never committed, so that its state may be half; take a step-* instead");
    }
    boolean isOne =
        CheckpointNames.stepOf(last).isPresent()
            || Files.exists(path.resolve(CheckpointNames.MANIFEST));
    return isOne
        ? new CheckpointPlace(name, new FileSystemStorage(whole.getParent()), Optional.of(last))
        : new CheckpointPlace(name, new FileSystemStorage(path), Optional.empty());
  }

  /** Where checkpoints are written; nothing is looked at yet. */
  static CheckpointStorage storage(String name, S3Spec s3) {
    return CheckpointSpec.isS3(name)
        ? S3Storage.at(S3Address.parse(name), s3)
        : new FileSystemStorage(path(name));
  }

  /** Where there are no keys there is no place either: that it holds nothing is found later. */
  private static CheckpointPlace inObjectStore(String name, S3Spec s3) {
    S3Address address = S3Address.parse(name);
    if (CheckpointNames.stepOf(address.name()).isPresent()) {
      return new CheckpointPlace(
          name, S3Storage.at(address.parent(), s3), Optional.of(address.name()));
    }
    if (!address.name().isEmpty()) {
      S3Storage around = S3Storage.at(address.parent(), s3);
      try {
        if (around.isCheckpoint(address.name())) {
          return new CheckpointPlace(name, around, Optional.of(address.name()));
        }
      } catch (IOException e) {
        around.close();
        throw new CheckpointException(e.getMessage(), e);
      }
      around.close();
    }
    return new CheckpointPlace(name, S3Storage.at(address, s3), Optional.empty());
  }

  private static Path path(String name) {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      throw new CheckpointException("'" + name + "' is no path: " + e.getReason(), e);
    }
  }

  /** The name of one checkpoint here, as a user would give it. */
  String locate(String checkpoint) {
    return one.isPresent() ? name : storage.locate(checkpoint);
  }

  /** Gives back what the storage holds open. */
  @Override
  public void close() {
    storage.close();
  }
}
