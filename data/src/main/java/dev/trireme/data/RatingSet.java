package dev.trireme.data;

import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import java.nio.file.Path;
import java.util.Objects;

/**
 * One part of a file of ratings; see {@link DatasetSpec.Ratings} for what it holds and how it is
 * split. Read whole when it is checked: 12 bytes a rating of the part, on the heap.
 *
 * <p>Cost: one pass over the text. Threading: any, once made.
 */
final class RatingSet implements CheckedSet, IndexSet {
  private final DatasetInfo info;
  private final RatingTable table;

  private RatingSet(DatasetInfo info, RatingTable table) {
    this.info = info;
    this.table = table;
  }

  /**
   * Reads the file.
   *
   * @param key where the job spec names the set, as {@code data.train}
   * @param directory under which a relative file lies
   * @throws DataException for the first line that is no rating, or where the heap is too small
   */
  static RatingSet check(String key, DatasetSpec.Ratings spec, Path directory) {
    return check(key, spec, directory, Runtime.getRuntime().maxMemory());
  }

  /**
   * The same.
   *
   * @param heap bytes that this process can have of it
   */
  static RatingSet check(String key, DatasetSpec.Ratings spec, Path directory, long heap) {
    RatingTable table = RatingTable.read(key + ".file", spec, directory, heap);
    if (table.size() == 0) {
      throw new DataException(
          key
              + ".part: none of the "
              + table.lines()
              + " ratings of "
              + spec.file()
              + " is in this part; change heldOut or splitSeed");
    }
    long indices = (long) table.userCount() + table.itemCount();
    return new RatingSet(
        new DatasetInfo(table.size(), Shape.of(2), DType.INT64, 0, indices), table);
  }

  @Override
  public DatasetInfo info() {
    return info;
  }

  /** Labels are real values: there are no classes to know. */
  @Override
  public void requireLabelsBelow(int classes) {}

  @Override
  public ItemSet load() {
    return this;
  }

  @Override
  public float read(int item, long[] indices) {
    Objects.checkIndex(item, table.size());
    indices[0] = table.user(item);
    indices[1] = (long) table.userCount() + table.item(item);
    return table.value(item);
  }

  @Override
  public void close() {}
}
