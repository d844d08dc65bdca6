package dev.trireme.checkpoint;

import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import dev.trireme.checkpoint.format.TensorSpec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes the model of a checkpoint to one safetensors file under the names that PyTorch gives its
 * tensors. Values lie in a checkpoint as PyTorch lays them out, so that they are copied as they
 * are. The file gets its name when it is whole, and on the disk.
 */
public final class WeightsExport {
  private static final String MODEL = "model.";

  private WeightsExport() {}

  /**
   * Exports. Blocking; one pass over the model's values, each compared with its hash.
   *
   * @param name of the checkpoint's directory
   * @param to the file, which is replaced when it is there
   * @return what it holds, in order of place
   * @throws DamagedException when the checkpoint is not whole; there is no file then
   */
  public static List<TensorSpec> write(
      CheckpointReader reader, String name, Manifest manifest, Path to)
      throws IOException, DamagedException {
    Map<String, Manifest.StoredTensor> byName = new HashMap<>();
    for (Manifest.StoredTensor tensor : manifest.tensors()) {
      if (tensor.spec().name().startsWith(MODEL)) {
        byName.put(tensor.spec().name().substring(MODEL.length()), tensor);
      }
    }
    List<SafetensorsHeader.Entry> entries =
        SafetensorsHeader.place(
            byName.entrySet().stream()
                .map(
                    e ->
                        new TensorSpec(
                            e.getKey(), e.getValue().spec().dtype(), e.getValue().spec().shape()))
                .toList());
    Path folder = to.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new IOException(
          "cannot write "
              + to
              + ": there is no directory "
              + folder
              + "; make it, or choose another place");
    }
    Path part = to.resolveSibling(to.getFileName() + ".part");
    try {
      try (FileChannel out =
          FileChannel.open(
              part,
              StandardOpenOption.WRITE,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING)) {
        append(
            out, ByteBuffer.wrap(new SafetensorsHeader(entries, Map.of("format", "pt")).encode()));
        for (SafetensorsHeader.Entry entry : entries) {
          reader.read(name, manifest, byName.get(entry.spec().name()), c -> append(out, c));
        }
        out.force(true);
      }
      Files.move(part, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileSystemException e) {
      throw new IOException("cannot write " + to + ": " + IoMessages.explain(e, to.toString()), e);
    } finally {
      Files.deleteIfExists(part);
    }
    return entries.stream().map(SafetensorsHeader.Entry::spec).toList();
  }

  private static void append(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }
}
