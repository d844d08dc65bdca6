package dev.trireme.checkpoint.storage;

import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.OptionalLong;

/**
 * A place that holds the checkpoints of one job. A checkpoint appears there all at once or not at
 * all, see {@link Staging#publication}.
 *
 * <p>Threading: any. Blocking: on the storage. Errors: {@link IOException}; reading may be tried
 * again, an error while writing means the write is over.
 */
public interface CheckpointStorage extends AutoCloseable {
  /**
   * Makes the place ready to be written to.
   *
   * @throws IOException when it cannot be, with the mend
   */
  void prepare() throws IOException;

  /** The whole place, for messages. */
  String location();

  /** One checkpoint there, as a user would name it. */
  String locate(String checkpoint);

  /** What is there. */
  Contents contents() throws IOException;

  /**
   * What a place holds.
   *
   * @param checkpoints names as {@code step-00001200}, in no order, and {@code .old-step-00001200}
   *     where the checkpoint that was to replace it never came; whether they are whole is not known
   *     yet
   * @param staged what is being written, or was when its writer died
   * @param trash what was being deleted, or has been replaced
   */
  record Contents(List<String> checkpoints, List<WriteId> staged, List<String> trash) {
    public Contents {
      checkpoints = List.copyOf(checkpoints);
      staged = List.copyOf(staged);
      trash = List.copyOf(trash);
    }
  }

  /**
   * Opens the manifest of a checkpoint.
   *
   * @throws NoSuchFileException when it is not there
   * @throws ForeignFileException when it is no file that a checkpoint can have written
   */
  StoredFile openManifest(String checkpoint) throws IOException;

  /**
   * Opens a shard of a checkpoint.
   *
   * @param generation that wrote it, by the manifest
   * @param file its name, by the manifest
   * @throws NoSuchFileException when it is not there
   * @throws ForeignFileException when it is no file that a checkpoint can have written
   */
  StoredFile openShard(String checkpoint, long generation, String file) throws IOException;

  /** Bytes that can still be written; empty where there is no such limit. */
  OptionalLong usableBytes() throws IOException;

  /** Where a checkpoint is put together. No effect yet. */
  Staging stage(WriteId id);

  /** Deletes a checkpoint: first it stops being one, then its files go. */
  void delete(String checkpoint) throws IOException;

  /** Deletes what {@link Contents#trash} names. */
  void deleteTrash(String trash) throws IOException;

  /** Gives back what it holds open; repeats are ignored. */
  @Override
  default void close() {}
}
