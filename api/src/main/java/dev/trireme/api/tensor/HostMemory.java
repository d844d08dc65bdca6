package dev.trireme.api.tensor;

/** The memory of the CPU alone: everything is done at once. */
final class HostMemory implements DeviceMemory {
  private static final int ALIGNMENT = 64;

  private record HostPiece(NativeMemory.Block block, TensorBuffer buffer) implements Piece {
    @Override
    public void close() {
      block.close();
    }
  }

  @Override
  public Piece allocate(Device device, DType dtype, long count) {
    requireHost(device);
    NativeMemory.Block block =
        NativeMemory.allocate(Math.multiplyExact(count, (long) dtype.bytes()), ALIGNMENT);
    return new HostPiece(block, block.buffer(dtype, count));
  }

  @Override
  public void copy(TensorBuffer from, TensorBuffer to) {
    requireHost(from.device());
    requireHost(to.device());
    from.requireSameElements(to);
    NativeMemory.copy(from.address(), to.address(), from.byteCount());
  }

  @Override
  public void enqueueCopy(TensorBuffer from, TensorBuffer to) {
    copy(from, to);
  }

  @Override
  public void enqueueZero(TensorBuffer buffer) {
    requireHost(buffer.device());
    NativeMemory.fill(buffer.address(), buffer.byteCount(), (byte) 0);
  }

  @Override
  public void synchronize(Device device) {
    requireHost(device);
  }

  private static void requireHost(Device device) {
    if (device.kind() != Device.Kind.CPU) {
      throw new IllegalArgumentException(
          "expected memory of the CPU, found that of "
              + device
              + ": this process was started without its libraries");
    }
  }
}
