package dev.trireme.api.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/**
 * The identity of a state dict: equal hashes mean equal names, types, shapes and bits.
 *
 * <p>Each tensor, in order of name (by UTF-16 code units), adds: the byte length of its name
 * (int32) and its name in UTF-8, the same for the safetensors name of its dtype, its number of
 * dimensions (int32), each of them (int64), and the bytes of its values. Integers are
 * little-endian; values are as they stand in memory. The hash is SHA-256 (FIPS 180-4). Cost: one
 * pass over the bytes.
 */
public final class StateHash {
  /** What every hash begins with. */
  public static final String PREFIX = "sha256:";

  private static final int CHUNK_BYTES = 1 << 16;

  /** Of a device's memory at a time. */
  private static final long STAGED_BYTES = 16 << 20;

  private StateHash() {}

  /**
   * The hash of {@code tensors}, whatever order they come in.
   *
   * @param tensors in the host's memory, with names that differ
   * @return {@value #PREFIX} and 64 hexadecimal digits
   * @throws IllegalArgumentException when two have one name, or one is not in the host's memory
   */
  public static String of(List<NamedTensor> tensors) {
    return of(tensors, DeviceMemory.HOST);
  }

  /**
   * The same for tensors that may stand on a device: their values are copied to the host piece by
   * piece.
   *
   * @param memory that of the tensors
   */
  public static String of(List<NamedTensor> tensors, DeviceMemory memory) {
    List<NamedTensor> ordered =
        tensors.stream().sorted(Comparator.comparing(NamedTensor::name)).toList();
    MessageDigest digest = sha256();
    byte[] chunk = new byte[CHUNK_BYTES];
    String before = "";
    for (NamedTensor tensor : ordered) {
      if (tensor.name().equals(before)) {
        throw new IllegalArgumentException("two tensors are named '" + before + "'");
      }
      before = tensor.name();
      addHeader(tensor, digest);
      if (tensor.data().device().kind() == Device.Kind.CPU) {
        addValues(tensor.data(), digest, chunk);
      } else {
        requireMemoryOf(tensor, memory);
        addValuesFrom(tensor.data(), memory, digest, chunk);
      }
    }
    return PREFIX + HexFormat.of().formatHex(digest.digest());
  }

  private static void addHeader(NamedTensor tensor, MessageDigest digest) {
    byte[] name = tensor.name().getBytes(StandardCharsets.UTF_8);
    byte[] dtype = tensor.dtype().safetensorsName().getBytes(StandardCharsets.UTF_8);
    Shape shape = tensor.shape();
    ByteBuffer header =
        ByteBuffer.allocate(12 + name.length + dtype.length + 8 * shape.rank())
            .order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(name.length).put(name);
    header.putInt(dtype.length).put(dtype);
    header.putInt(shape.rank());
    shape.dims().forEach(header::putLong);
    digest.update(header.flip());
  }

  private static void requireMemoryOf(NamedTensor tensor, DeviceMemory memory) {
    if (memory == DeviceMemory.HOST) {
      throw new IllegalArgumentException(
          tensor.name()
              + " is on "
              + tensor.data().device()
              + "; hash it with that device's memory");
    }
  }

  private static void addValuesFrom(
      TensorBuffer data, DeviceMemory memory, MessageDigest digest, byte[] chunk) {
    TensorBuffer bytes = data.bytes();
    long piece = Math.min(STAGED_BYTES, bytes.count());
    try (DeviceMemory.Piece host = memory.allocate(Device.CPU, DType.UINT8, piece)) {
      for (long at = 0; at < bytes.count(); at += piece) {
        long length = Math.min(piece, bytes.count() - at);
        TensorBuffer here = host.buffer().slice(0, length);
        memory.copy(bytes.slice(at, length), here);
        addValues(here, digest, chunk);
      }
    }
  }

  private static void addValues(TensorBuffer data, MessageDigest digest, byte[] chunk) {
    long bytes = data.byteCount();
    for (long at = 0; at < bytes; at += chunk.length) {
      int length = (int) Math.min(chunk.length, bytes - at);
      NativeMemory.read(data.address() + at, chunk, 0, length);
      digest.update(chunk, 0, length);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256, this one does not", e);
    }
  }
}
