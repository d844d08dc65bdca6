package dev.trireme.data;

import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.tensor.NativeMemory;
import java.nio.ByteBuffer;
import java.util.Objects;

/** Items that stand in native memory: all pixels, then a byte for each label. */
final class ByteItems implements PixelSet {
  private final DatasetInfo info;
  private final NativeMemory.Block block;
  private final int itemBytes;
  private final ByteBuffer labels;

  /**
   * @param block owned from now on
   * @param labelsAt address of the first label
   */
  ByteItems(DatasetInfo info, NativeMemory.Block block, long labelsAt) {
    this.info = info;
    this.block = block;
    this.itemBytes = (int) info.itemShape().elements();
    this.labels = NativeMemory.view(labelsAt, (int) info.items());
  }

  @Override
  public DatasetInfo info() {
    return info;
  }

  @Override
  public int read(int item, byte[] pixels) {
    Objects.checkIndex(item, (int) info.items());
    NativeMemory.read(block.address() + (long) item * itemBytes, pixels, 0, itemBytes);
    return labels.get(item) & 0xFF;
  }

  @Override
  public void close() {
    block.close();
  }
}
