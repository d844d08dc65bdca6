package dev.trireme.allreduce.exchange;

import dev.trireme.allreduce.kernel.Reductions;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Where the sums of a batch's parts stand, and what adds them up. Both kinds make the same bits.
 *
 * <p>Threading: one thread at a time.
 */
interface PartMemory extends AutoCloseable {
  /** Memory for one sum of all gradients; what is in it does not count. */
  TensorBuffer allocate(long bytes);

  /** A gradient where it can be added from; good until the next one is asked for. */
  TensorBuffer here(TensorBuffer gradient);

  void copy(TensorBuffer from, TensorBuffer to);

  /** Adds {@code from} to {@code onto}. */
  void add(TensorBuffer from, TensorBuffer onto);

  /** Frees what it has given out. */
  @Override
  void close();

  /**
   * That of gradients on a device: the device's own where it has an adder, so that nothing waits
   * for it; else the host's.
   *
   * @param largest of the gradients, in bytes
   */
  static PartMemory of(ProcessGroup group, DeviceMemory memory, Device device, long largest) {
    Optional<DeviceMemory.Adder> adder =
        device.equals(Device.CPU) ? Optional.empty() : memory.adder(device);
    return adder
        .<PartMemory>map(there -> new OnDevice(group, memory, device, there))
        .orElseGet(() -> new OnHost(memory, largest));
  }

  /** In the order of the device's compute stream. */
  final class OnDevice implements PartMemory {
    private final ProcessGroup group;
    private final DeviceMemory memory;
    private final Device device;
    private final DeviceMemory.Adder adder;
    private final List<DeviceMemory.Piece> pieces = new ArrayList<>();

    OnDevice(ProcessGroup group, DeviceMemory memory, Device device, DeviceMemory.Adder adder) {
      this.group = group;
      this.memory = memory;
      this.device = device;
      this.adder = adder;
    }

    @Override
    public TensorBuffer allocate(long bytes) {
      if (group.worldSize() > 1 && group.reaches(device)) {
        // The group's: to free memory of a device waits for all that runs there, and after a
        // failure
        // an operation without its peers may run until the group has been closed.
        return group.allocate(device, DType.UINT8, bytes);
      }
      DeviceMemory.Piece piece = memory.allocate(device, DType.UINT8, bytes);
      pieces.add(piece);
      return piece.buffer();
    }

    @Override
    public TensorBuffer here(TensorBuffer gradient) {
      return gradient;
    }

    @Override
    public void copy(TensorBuffer from, TensorBuffer to) {
      memory.enqueueCopy(from, to);
    }

    @Override
    public void add(TensorBuffer from, TensorBuffer onto) {
      adder.enqueueAdd(from, onto);
    }

    @Override
    public void close() {
      pieces.forEach(DeviceMemory.Piece::close);
      pieces.clear();
    }
  }

  /** On the host, where gradients of a device land first, each after a wait for the device. */
  final class OnHost implements PartMemory {
    private final DeviceMemory memory;
    private final long largest;
    private final Reductions reductions = new Reductions();
    private final List<NativeMemory.Block> blocks = new ArrayList<>();
    private Optional<DeviceMemory.Piece> landing = Optional.empty();

    OnHost(DeviceMemory memory, long largest) {
      this.memory = memory;
      this.largest = largest;
    }

    @Override
    public TensorBuffer allocate(long bytes) {
      Reductions.load();
      NativeMemory.Block block = NativeMemory.allocate(bytes, 64);
      blocks.add(block);
      return TensorBuffer.cpu(block.address(), DType.UINT8, bytes);
    }

    @Override
    public TensorBuffer here(TensorBuffer gradient) {
      if (gradient.device().equals(Device.CPU)) {
        return gradient;
      }
      if (landing.isEmpty()) {
        landing = Optional.of(memory.allocate(Device.CPU, DType.UINT8, largest));
      }
      TensorBuffer here =
          TensorBuffer.cpu(landing.get().buffer().address(), gradient.dtype(), gradient.count());
      memory.copy(gradient, here);
      return here;
    }

    @Override
    public void copy(TensorBuffer from, TensorBuffer to) {
      NativeMemory.copy(from.address(), to.address(), from.byteCount());
    }

    @Override
    public void add(TensorBuffer from, TensorBuffer onto) {
      reductions
          .of(from.dtype(), ReduceOp.SUM)
          .combine(onto.address(), from.address(), from.count());
    }

    @Override
    public void close() {
      blocks.forEach(NativeMemory.Block::close);
      blocks.clear();
      landing.ifPresent(DeviceMemory.Piece::close);
      landing = Optional.empty();
    }
  }
}
