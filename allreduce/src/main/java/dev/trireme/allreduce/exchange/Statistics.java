package dev.trireme.allreduce.exchange;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntToDoubleFunction;

/**
 * A replica's statistics as numbers. Those of a device have a copy on the host, so that reading and
 * writing them waits once for the device and not once for each.
 *
 * <p>Threading: the training thread alone.
 */
final class Statistics implements AutoCloseable {
  private final List<TensorBuffer> owners;
  private final List<TensorBuffer> hosts = new ArrayList<>();
  private final List<DeviceMemory.Piece> pieces = new ArrayList<>();
  private final Set<Device> devices = new LinkedHashSet<>();
  private final DeviceMemory memory;

  Statistics(List<NamedTensor> tensors, DeviceMemory memory) {
    this.memory = memory;
    this.owners = tensors.stream().map(NamedTensor::data).toList();
    for (TensorBuffer owner : owners) {
      if (owner.device().equals(Device.CPU)) {
        hosts.add(owner);
      } else {
        DeviceMemory.Piece piece = memory.allocate(Device.CPU, owner.dtype(), owner.count());
        pieces.add(piece);
        hosts.add(piece.buffer());
        devices.add(owner.device());
      }
    }
  }

  /** Elements of all. */
  static long count(List<NamedTensor> tensors) {
    return tensors.stream().mapToLong(each -> each.data().count()).sum();
  }

  private long count() {
    return owners.stream().mapToLong(TensorBuffer::count).sum();
  }

  /** All, one after the other, times a weight. */
  double[] read(long weight) {
    for (int i = 0; i < hosts.size(); i++) {
      if (hosts.get(i) != owners.get(i)) {
        memory.enqueueCopy(owners.get(i), hosts.get(i));
      }
    }
    devices.forEach(memory::synchronize);
    double[] all = new double[Math.toIntExact(count())];
    int at = 0;
    for (TensorBuffer host : hosts) {
      ByteBuffer view = view(host);
      for (int i = 0; i < host.count(); i++) {
        all[at++] = get(view, host.dtype(), i) * weight;
      }
    }
    return all;
  }

  /** Sets all, one after the other. */
  void write(IntToDoubleFunction value) {
    int at = 0;
    for (int each = 0; each < hosts.size(); each++) {
      TensorBuffer host = hosts.get(each);
      ByteBuffer view = view(host);
      for (int i = 0; i < host.count(); i++) {
        put(view, host.dtype(), i, value.applyAsDouble(at++));
      }
      if (host != owners.get(each)) {
        memory.enqueueCopy(host, owners.get(each));
      }
    }
    devices.forEach(memory::synchronize);
  }

  private static ByteBuffer view(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount()));
  }

  private static double get(ByteBuffer from, DType dtype, int index) {
    return dtype == DType.FLOAT32
        ? from.getFloat(index * Float.BYTES)
        : from.getDouble(index * Double.BYTES);
  }

  private static void put(ByteBuffer to, DType dtype, int index, double value) {
    if (dtype == DType.FLOAT32) {
      to.putFloat(index * Float.BYTES, (float) value);
    } else {
      to.putDouble(index * Double.BYTES, value);
    }
  }

  @Override
  public void close() {
    pieces.forEach(DeviceMemory.Piece::close);
  }
}
