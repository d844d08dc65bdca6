package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.S3Spec;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What runs before have left where a job is about to write its checkpoints. Which of two states is
 * the newer is told by generations, so those of a run must be above all that it finds in its place:
 * else the old run's checkpoints would supersede its own.
 *
 * <p>Threading: any. Blocking: on the storage.
 */
public final class EarlierRuns {
  private EarlierRuns() {}

  /**
   * The highest generation of any run there; 0 where there is none, or no such place.
   *
   * @throws CheckpointException when the place cannot be looked at
   */
  public static long highestGeneration(String location, S3Spec s3) {
    if (isMissing(location)) {
      return 0;
    }
    try (CheckpointStorage storage = CheckpointPlace.storage(location, s3)) {
      return new CheckpointReader(storage).highestGeneration();
    } catch (IOException e) {
      throw unseen(location, e);
    }
  }

  /**
   * Refuses a place where a run that begins now could not tell its checkpoints from another's.
   *
   * @param generation that the run begins with
   * @param continued the place, or the one checkpoint, that the run goes on from; empty where it is
   *     a new one. Only a run that goes on from what is there may have anything there.
   * @throws CheckpointException then, with the mend
   */
  public static void refuse(
      String location, S3Spec s3, long generation, Optional<String> continued) {
    if (continued.filter(from -> isIn(from, location)).isPresent()) {
      long highest = highestGeneration(location, s3);
      if (highest >= generation) {
        throw new CheckpointException(
            ("checkpoint.path: '%s' holds checkpoints of generation %d of another run, and this one"
                    + " begins with generation %d, so that those would be taken for the newer ones;"
                    + " name another place")
                .formatted(location, highest, generation));
      }
      return;
    }
    if (isMissing(location)) {
      return;
    }
    try (CheckpointStorage storage = CheckpointPlace.storage(location, s3)) {
      CheckpointStorage.Contents there = storage.contents();
      if (!there.checkpoints().isEmpty() || !there.staged().isEmpty()) {
        throw new CheckpointException(
            "checkpoint.path: '"
                + location
                + "' is not empty, and a new run beside another's checkpoints would be mistaken"
                + " for it; name a place that is not there yet");
      }
    } catch (IOException e) {
      throw unseen(location, e);
    }
  }

  /** Whether a checkpoint, or a place of them, is this place or lies in it. */
  private static boolean isIn(String from, String location) {
    if (CheckpointSpec.isS3(from) != CheckpointSpec.isS3(location)) {
      return false;
    }
    if (CheckpointSpec.isS3(from)) {
      String place = location.replaceAll("/+$", "");
      return from.replaceAll("/+$", "").equals(place) || from.startsWith(place + "/");
    }
    return real(from).startsWith(real(location));
  }

  private static Path real(String path) {
    try {
      return Path.of(path).toRealPath();
    } catch (IOException e) {
      return Path.of(path).toAbsolutePath().normalize();
    }
  }

  private static boolean isMissing(String location) {
    return !CheckpointSpec.isS3(location) && Files.notExists(Path.of(location));
  }

  private static CheckpointException unseen(String location, IOException e) {
    return new CheckpointException(
        "checkpoint.path: cannot see what is there: " + IoMessages.explain(e, location), e);
  }
}
