package dev.trireme.checkpoint.storage;

import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/**
 * A checkpoint before it is committed. All ranks of one formation that write one step share it;
 * another generation has another. Making one has no effect before {@link #create}.
 *
 * <p>Threading: one thread in each process. Blocking: on the storage.
 */
public interface Staging {
  /** Which checkpoint it is to become. */
  WriteId id();

  /** Where it is, for messages. */
  String location();

  /** Makes it, unless another rank has. */
  void create() throws IOException;

  /**
   * Begins a file; one of that name is replaced.
   *
   * @param headBytes room that is left at its beginning for {@link FileSink#head}; 0 for none
   */
  FileSink write(String file, int headBytes) throws IOException;

  /** Opens a file of any rank. */
  StoredFile open(String file) throws IOException;

  /** Returns once the names of the files written so far are where a loss of power leaves them. */
  void syncNames() throws IOException;

  /** Deletes every file but these, which a writer before may have left under the same name. */
  void keepOnly(Set<String> files) throws IOException;

  /** Deletes one file, if it is there. */
  void remove(String file) throws IOException;

  /**
   * The acts that make this the checkpoint of its step, in order; exactly one of them is {@link
   * WriteBoundary#PUBLISH}.
   *
   * @param manifest asked once, when the first of them runs
   */
  List<WriteStep> publication(Supplier<byte[]> manifest);

  /** Deletes all of it, if it is there. */
  void discard() throws IOException;
}
