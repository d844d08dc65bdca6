package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import dev.trireme.checkpoint.format.TensorSpec;
import dev.trireme.checkpoint.storage.FileSystemStorage;
import dev.trireme.checkpoint.storage.StoredFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Weights in one safetensors file, as PyTorch's users exchange them. Strict: what a file does not
 * hold is not made up, and what the model does not have is not dropped.
 */
public final class WeightsFile {
  private WeightsFile() {}

  /**
   * What a file holds; its values are not read.
   *
   * @throws CheckpointException when it is not a safetensors file
   */
  public static List<TensorSpec> tensors(Path file) {
    try (StoredFile stored = FileSystemStorage.openFile(file)) {
      return header(file, stored).header().tensors().stream()
          .map(SafetensorsHeader.Entry::spec)
          .toList();
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** See {@link dev.trireme.api.checkpoint.Checkpointer#loadWeights}. */
  static void load(Path file, List<NamedTensor> tensors, DeviceMemory memory) {
    tensors.forEach(t -> Snapshot.requireMemoryOf(t, memory));
    try (StoredFile stored = FileSystemStorage.openFile(file)) {
      Placed placed = header(file, stored);
      Optional<String> differences =
          Fit.differences(
              placed.header().tensors().stream().map(SafetensorsHeader.Entry::spec).toList(),
              tensors,
              "the file",
              "the model");
      if (differences.isPresent()) {
        throw new CheckpointException(
            "the weights in "
                + file
                + " do not fit the model: "
                + differences.get()
                + ". Rename or reshape them, or take the model they are of");
      }
      try (Landing landing = new Landing(tensors, memory)) {
        for (SafetensorsHeader.Entry entry : placed.header().tensors()) {
          String name = entry.spec().name();
          read(stored, placed.dataAt(), entry, landing.address(name));
          landing.landed(name);
        }
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private record Placed(SafetensorsHeader header, long dataAt) {}

  private static Placed header(Path file, StoredFile stored) throws IOException {
    try {
      if (stored.size() < SafetensorsHeader.PREFIX_BYTES) {
        throw new DamagedException("it has only " + stored.size() + " bytes");
      }
      byte[] prefix = new byte[SafetensorsHeader.PREFIX_BYTES];
      stored.read(ByteBuffer.wrap(prefix), 0);
      int length = prefix.length + SafetensorsHeader.jsonLength(prefix, stored.size());
      byte[] bytes = new byte[length];
      stored.read(ByteBuffer.wrap(bytes), 0);
      return new Placed(SafetensorsHeader.parse(bytes, stored.size() - length), length);
    } catch (DamagedException e) {
      throw new CheckpointException(
          file + " is not a whole safetensors file: " + e.getMessage(), e);
    }
  }

  private static void read(
      StoredFile stored, long dataAt, SafetensorsHeader.Entry entry, long address)
      throws IOException {
    long bytes = entry.spec().byteCount();
    for (long at = 0; at < bytes; at += CheckpointReader.CHUNK_BYTES) {
      int length = (int) Math.min(CheckpointReader.CHUNK_BYTES, bytes - at);
      stored.read(NativeMemory.view(address + at, length), dataAt + entry.begin() + at);
    }
  }

  private static CheckpointException unreadable(Path file, IOException e) {
    return new CheckpointException(
        "cannot read the weights: " + IoMessages.explain(e, file.toString()), e);
  }
}
