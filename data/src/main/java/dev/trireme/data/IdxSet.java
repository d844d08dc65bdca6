package dev.trireme.data;

import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * Images and labels of IDX files. Loaded, they stand as raw bytes in native memory: 47 MB for
 * MNIST's 60,000 images, where floats would take four times that, and none of it on the heap.
 */
final class IdxSet implements CheckedSet {
  private static final int ALIGNMENT = 64;

  private final IdxFile images;
  private final IdxFile labels;
  private final DatasetInfo info;

  private IdxSet(IdxFile images, IdxFile labels, int classes) {
    this.images = images;
    this.labels = labels;
    this.info =
        new DatasetInfo(
            images.header().items(), images.header().itemShape(), DType.FLOAT32, classes);
  }

  /**
   * Checks both files of a set and that they belong together.
   *
   * @param key where the job spec names the set, as {@code data.train}
   * @param directory under which relative files lie
   */
  static IdxSet check(String key, DatasetSpec.Idx spec, Path directory) {
    IdxFile images =
        IdxFile.check(
            key + ".images",
            resolve(key + ".images", directory, spec.images()),
            IdxHeader.Role.IMAGES);
    IdxFile labels =
        IdxFile.check(
            key + ".labels",
            resolve(key + ".labels", directory, spec.labels()),
            IdxHeader.Role.LABELS);
    if (images.header().items() != labels.header().items()) {
      throw new DataException(
          key
              + ": expected as many labels as images, found "
              + images.header().items()
              + " images in "
              + spec.images()
              + " and "
              + labels.header().items()
              + " labels in "
              + spec.labels()
              + "; name two files that belong together");
    }
    LabelScan scan = new LabelScan(256);
    labels.read(scan);
    return new IdxSet(images, labels, scan.largest + 1);
  }

  @Override
  public DatasetInfo info() {
    return info;
  }

  @Override
  public void requireLabelsBelow(int classes) {
    if (info.classes() <= classes) {
      return;
    }
    LabelScan scan = new LabelScan(classes);
    labels.read(scan);
    throw new DataException(
        labels.name()
            + ": label "
            + scan.firstBeyond
            + " is "
            + scan.valueBeyond
            + ", expected 0.."
            + (classes - 1)
            + ", the classes of the training set; use labels that the training set has");
  }

  @Override
  public ItemSet load() {
    int items = images.header().items();
    int itemBytes = images.header().valuesPerItem();
    NativeMemory.Block block =
        Memory.allocate(
            (long) items * (itemBytes + 1), ALIGNMENT, images.name() + ": " + items + " items");
    try {
      long pixelsAt = block.address();
      long labelsAt = pixelsAt + (long) items * itemBytes;
      images.read(
          (offset, chunk, length) -> NativeMemory.write(chunk, 0, length, pixelsAt + offset));
      LabelScan scan = new LabelScan(info.classes());
      labels.read(
          (offset, chunk, length) -> {
            scan.accept(offset, chunk, length);
            NativeMemory.write(chunk, 0, length, labelsAt + offset);
          });
      if (scan.firstBeyond >= 0) {
        throw new DataException(labels.name() + " was changed while it was being read");
      }
      return new ByteItems(info, block, labelsAt);
    } catch (RuntimeException | Error e) {
      block.close();
      throw e;
    }
  }

  private static Path resolve(String key, Path directory, String file) {
    try {
      return directory.resolve(file);
    } catch (InvalidPathException e) {
      throw new DataException(key + ": '" + file + "' is no file name: " + e.getReason(), e);
    }
  }

  /** Finds the largest label, and the first that is not below a bound. */
  private static final class LabelScan implements IdxFile.Sink {
    private final int bound;
    private int largest;
    private long firstBeyond = -1;
    private int valueBeyond;

    LabelScan(int bound) {
      this.bound = bound;
    }

    @Override
    public void accept(long offset, byte[] chunk, int length) {
      for (int i = 0; i < length; i++) {
        int label = chunk[i] & 0xFF;
        largest = Math.max(largest, label);
        if (label >= bound && firstBeyond < 0) {
          firstBeyond = offset + i;
          valueBeyond = label;
        }
      }
    }
  }
}
