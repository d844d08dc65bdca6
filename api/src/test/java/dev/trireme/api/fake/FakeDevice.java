package dev.trireme.api.fake;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;

/**
 * A device whose memory is another stretch of the host's: its addresses are off by a constant, so
 * that whoever reads or writes one without this memory dies at once instead of being right by
 * accident.
 */
public final class FakeDevice implements DeviceMemory {
  /** The device itself. */
  public static final Device DEVICE = new Device(Device.Kind.CUDA, 0);

  /** No address of a process is that high. */
  private static final long OFFSET = 1L << 60;

  private static final int ALIGNMENT = 64;

  private record FakePiece(NativeMemory.Block block, TensorBuffer buffer) implements Piece {
    @Override
    public void close() {
      block.close();
    }
  }

  @Override
  public Piece allocate(Device device, DType dtype, long count) {
    NativeMemory.Block block = NativeMemory.allocate(count * dtype.bytes(), ALIGNMENT);
    TensorBuffer host = block.buffer(dtype, count);
    boolean away = device.equals(DEVICE) && count > 0;
    return new FakePiece(
        block, new TensorBuffer(host.address() + (away ? OFFSET : 0), dtype, count, device));
  }

  @Override
  public void copy(TensorBuffer from, TensorBuffer to) {
    from.requireSameElements(to);
    NativeMemory.copy(real(from), real(to), from.byteCount());
  }

  @Override
  public void enqueueCopy(TensorBuffer from, TensorBuffer to) {
    copy(from, to);
  }

  @Override
  public void enqueueZero(TensorBuffer buffer) {
    NativeMemory.fill(real(buffer), buffer.byteCount(), (byte) 0);
  }

  @Override
  public void synchronize(Device device) {}

  private static long real(TensorBuffer buffer) {
    return buffer.device().equals(DEVICE) ? buffer.address() - OFFSET : buffer.address();
  }
}
