package dev.trireme.checkpoint;

import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.checkpoint.format.Bounds;
import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.format.Crc32c;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.format.ManifestJson;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import dev.trireme.checkpoint.storage.ForeignFileException;
import dev.trireme.checkpoint.storage.StoredFile;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.LongUnaryOperator;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads checkpoints and trusts nothing in them. Damage is an answer, not an error: it is a {@link
 * DamagedException} that says what was expected and what was found. A storage that does not answer
 * tells nothing of a checkpoint: that is an {@link IOException}, and may pass.
 *
 * <p>Threading: any. Blocking: on the storage. Reading changes nothing and may be repeated.
 */
public final class CheckpointReader {
  private static final Logger LOG = LoggerFactory.getLogger(CheckpointReader.class);
  static final int CHUNK_BYTES = 8 << 20;

  private final CheckpointStorage storage;

  /** A reader of what {@code storage} holds. */
  public CheckpointReader(CheckpointStorage storage) {
    this.storage = storage;
  }

  /**
   * What is there, sorted into what to try and what not. Reads manifests and looks at the sizes of
   * shards; verifies no values.
   *
   * @throws IOException when the place or one of its checkpoints cannot be read, so that what it
   *     holds is not known
   */
  public Selection select(Lineage lineage) throws IOException {
    CheckpointStorage.Contents contents = storage.contents();
    List<Selection.Candidate> readable = new ArrayList<>();
    List<Selection.Skipped> damaged = new ArrayList<>();
    for (String name : contents.checkpoints()) {
      try {
        readable.add(new Selection.Candidate(name, glance(name)));
      } catch (DamagedException e) {
        damaged.add(new Selection.Skipped(name, e.getMessage()));
      }
    }
    return Selection.of(readable, damaged, contents.staged(), lineage);
  }

  /**
   * The highest generation that has written here, or was about to; 0 where nobody has. What is
   * damaged does not tell.
   */
  public long highestGeneration() throws IOException {
    CheckpointStorage.Contents contents = storage.contents();
    long highest = contents.staged().stream().mapToLong(WriteId::generation).max().orElse(0);
    for (String name : contents.checkpoints()) {
      try {
        highest = Math.max(highest, manifest(name).generation());
      } catch (DamagedException | EOFException | NoSuchFileException | ForeignFileException e) {
        LOG.debug("{} does not tell its generation", storage.locate(name), e);
      }
    }
    return highest;
  }

  /**
   * Reads the manifest of a checkpoint and looks whether its shards are there and have their sizes.
   *
   * @param name of its directory
   * @throws DamagedException when that is not so
   * @throws IOException when the storage does not say
   */
  public Manifest glance(String name) throws IOException, DamagedException {
    try {
      Manifest manifest = manifest(name);
      for (Manifest.Shard shard : manifest.shards()) {
        try (StoredFile file = open(name, manifest, shard)) {
          checkSize(shard, file);
        }
      }
      return manifest;
    } catch (EOFException | NoSuchFileException | ForeignFileException e) {
      throw damaged(e, name);
    }
  }

  /**
   * Reads every byte of a checkpoint and compares it with its hash. Cost: one pass over the files,
   * and {@value #CHUNK_BYTES} bytes of memory.
   *
   * @param name of its directory
   * @throws DamagedException when something is not as its manifest says
   * @throws IOException when the storage does not say
   */
  public void verify(String name, Manifest manifest) throws IOException, DamagedException {
    Map<String, List<Manifest.StoredTensor>> tensors = manifest.tensorsByShard();
    try (NativeMemory.Block chunk = NativeMemory.allocate(CHUNK_BYTES, Long.BYTES)) {
      for (Manifest.Shard shard : manifest.shards()) {
        try (StoredFile file = open(name, manifest, shard)) {
          checkSize(shard, file);
          checkHeader(tensors.get(shard.file()), shard, file);
          for (Manifest.StoredTensor tensor : tensors.get(shard.file())) {
            checkHash(tensor, file, offset -> chunk.address());
          }
        }
      }
    } catch (EOFException | NoSuchFileException | ForeignFileException e) {
      throw damaged(e, name);
    }
  }

  /**
   * Reads all values to where they belong and compares them with their hashes once more.
   *
   * @throws DamagedException when they are not what was verified before; some have been overwritten
   *     by then
   * @throws IOException when the storage does not say; the same holds
   */
  void load(String name, Manifest manifest, Landing landing) throws IOException, DamagedException {
    Map<String, List<Manifest.StoredTensor>> tensors = manifest.tensorsByShard();
    try {
      for (Manifest.Shard shard : manifest.shards()) {
        try (StoredFile file = open(name, manifest, shard)) {
          for (Manifest.StoredTensor tensor : tensors.get(shard.file())) {
            long address = landing.address(tensor.spec().name());
            checkHash(tensor, file, offset -> address + offset);
            landing.landed(tensor.spec().name());
          }
        }
      }
    } catch (EOFException | NoSuchFileException | ForeignFileException e) {
      throw damaged(e, name);
    }
  }

  /** Takes the values of a tensor chunk by chunk. */
  @FunctionalInterface
  interface Chunks {
    /** The next chunk, to be used before this returns. */
    void take(ByteBuffer chunk) throws IOException;
  }

  /**
   * Reads the values of one tensor and compares them with their hash when all have been taken.
   *
   * @throws DamagedException when they do not match
   * @throws IOException when {@code chunks} does, or the storage does not say
   */
  void read(String name, Manifest manifest, Manifest.StoredTensor tensor, Chunks chunks)
      throws IOException, DamagedException {
    CRC32C crc = new CRC32C();
    ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK_BYTES);
    try (StoredFile file = storage.openShard(name, manifest.generation(), tensor.file())) {
      for (long at = tensor.begin(); at < tensor.end(); at += CHUNK_BYTES) {
        buffer.clear().limit((int) Math.min(CHUNK_BYTES, tensor.end() - at));
        file.read(buffer, at);
        crc.update(buffer.flip());
        chunks.take(buffer.rewind());
      }
    }
    Crc32c found = new Crc32c((int) crc.getValue());
    if (!found.equals(tensor.hash())) {
      throw altered(
          tensor.file() + ": '" + Bounds.excerpt(tensor.spec().name()) + "'", tensor.hash(), found);
    }
  }

  private Manifest manifest(String name) throws IOException, DamagedException {
    byte[] bytes;
    try (StoredFile file = openManifest(name)) {
      if (file.size() > Bounds.MANIFEST_BYTES) {
        throw new DamagedException(
            CheckpointNames.MANIFEST
                + ": expected at most "
                + Bounds.MANIFEST_BYTES
                + " bytes, found "
                + file.size());
      }
      bytes = new byte[(int) file.size()];
      file.read(ByteBuffer.wrap(bytes), 0);
    }
    Manifest manifest;
    try {
      manifest = ManifestJson.decode(bytes);
    } catch (DamagedException e) {
      throw new DamagedException(CheckpointNames.MANIFEST + ": " + e.getMessage(), e);
    }
    OptionalLong step = CheckpointNames.stepOf(CheckpointNames.replacedOf(name).orElse(name));
    if (step.isPresent() && step.getAsLong() != manifest.step()) {
      throw new DamagedException(
          CheckpointNames.MANIFEST
              + ": expected step "
              + step.getAsLong()
              + " by the directory's name, found "
              + manifest.step());
    }
    return manifest;
  }

  private StoredFile openManifest(String name) throws IOException, DamagedException {
    try {
      return storage.openManifest(name);
    } catch (NoSuchFileException e) {
      throw new DamagedException(CheckpointNames.MANIFEST + " is missing", e);
    }
  }

  private StoredFile open(String name, Manifest manifest, Manifest.Shard shard)
      throws IOException, DamagedException {
    try {
      return storage.openShard(name, manifest.generation(), shard.file());
    } catch (NoSuchFileException e) {
      throw new DamagedException(shard.file() + " is missing", e);
    }
  }

  private static void checkSize(Manifest.Shard shard, StoredFile file) throws DamagedException {
    if (file.size() != shard.bytes()) {
      throw new DamagedException(
          shard.file()
              + ": expected "
              + shard.bytes()
              + " bytes, found "
              + file.size()
              + (file.size() < shard.bytes() ? "; it was cut short" : ""));
    }
  }

  private static void checkHeader(
      List<Manifest.StoredTensor> tensors, Manifest.Shard shard, StoredFile file)
      throws IOException, DamagedException {
    byte[] header = new byte[(int) shard.headerBytes()];
    file.read(ByteBuffer.wrap(header), 0);
    Crc32c found = Crc32c.of(header, 0, header.length);
    if (!found.equals(shard.headerHash())) {
      throw altered(shard.file() + ": its header", shard.headerHash(), found);
    }
    SafetensorsHeader parsed;
    try {
      parsed = SafetensorsHeader.parse(header, shard.bytes() - shard.headerBytes());
    } catch (DamagedException e) {
      throw new DamagedException(shard.file() + ": " + e.getMessage(), e);
    }
    Map<String, Manifest.StoredTensor> expected =
        tensors.stream().collect(Collectors.toMap(t -> t.spec().name(), Function.identity()));
    boolean same =
        parsed.tensors().size() == expected.size()
            && parsed.tensors().stream()
                .allMatch(entry -> isAt(entry, expected.get(entry.spec().name()), shard));
    if (!same) {
      throw new DamagedException(
          shard.file() + ": its header lists other tensors than the manifest does");
    }
  }

  private static boolean isAt(
      SafetensorsHeader.Entry entry, Manifest.StoredTensor tensor, Manifest.Shard shard) {
    return tensor != null
        && tensor.spec().equals(entry.spec())
        && tensor.begin() == shard.headerBytes() + entry.begin();
  }

  /** Reads each chunk to the address that {@code to} gives for its offset, and hashes it there. */
  private static void checkHash(Manifest.StoredTensor tensor, StoredFile file, LongUnaryOperator to)
      throws IOException, DamagedException {
    CRC32C crc = new CRC32C();
    long bytes = tensor.spec().byteCount();
    for (long at = 0; at < bytes; at += CHUNK_BYTES) {
      int length = (int) Math.min(CHUNK_BYTES, bytes - at);
      ByteBuffer view = NativeMemory.view(to.applyAsLong(at), length);
      file.read(view, tensor.begin() + at);
      crc.update(view.flip());
    }
    Crc32c found = new Crc32c((int) crc.getValue());
    if (!found.equals(tensor.hash())) {
      throw altered(
          tensor.file() + ": '" + Bounds.excerpt(tensor.spec().name()) + "'", tensor.hash(), found);
    }
  }

  private static DamagedException altered(String what, Crc32c expected, Crc32c found) {
    return new DamagedException(
        what
            + " hashes to "
            + found
            + ", its manifest says "
            + expected
            + "; it was altered after it was written");
  }

  /** Of the few errors that tell of the checkpoint and not of the way to it. */
  private DamagedException damaged(IOException e, String name) {
    String reason =
        e instanceof EOFException
            ? e.getMessage() + ", before its end"
            : IoMessages.explain(e, storage.locate(name));
    return new DamagedException(reason, e);
  }
}
