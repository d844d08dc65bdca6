package dev.trireme.checkpoint.format;

import dev.trireme.api.train.Progress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * All that a checkpoint says of itself. Valid from the moment it exists: every tensor lies in one
 * of the shards, behind its header, and no two share a byte.
 *
 * @param generation of the formation that wrote it, at least 0
 * @param progress the applied step and where the next batch begins
 * @param seed of the job
 * @param worldSize ranks that wrote it; anyone can read it
 * @param writtenAt when rank 0 composed it, by its host's clock
 * @param resolvedSpec the job spec as YAML, every default filled in
 * @param shards one for each rank that wrote, in order of rank
 * @param tensors every one once, in order of shard and place
 */
public record Manifest(
    long generation,
    Progress progress,
    long seed,
    int worldSize,
    Instant writtenAt,
    String resolvedSpec,
    List<Shard> shards,
    List<StoredTensor> tensors) {
  /** The version this code writes, and the newest it reads. */
  public static final int FORMAT_VERSION = 1;

  private static final Comparator<StoredTensor> BY_PLACE =
      Comparator.comparingLong(StoredTensor::begin).thenComparingLong(StoredTensor::end);

  public Manifest {
    Objects.requireNonNull(writtenAt, "writtenAt");
    Objects.requireNonNull(resolvedSpec, "resolvedSpec");
    shards = List.copyOf(shards);
    tensors = List.copyOf(tensors);
    if (generation < 0) {
      throw new IllegalArgumentException("generation is " + generation + ", expected 0 or more");
    }
    if (worldSize < 1 || worldSize > Bounds.WORLD_SIZE || shards.size() != worldSize) {
      throw new IllegalArgumentException(
          "expected one shard for each of 1 to "
              + Bounds.WORLD_SIZE
              + " ranks, found a world size of "
              + worldSize
              + " and "
              + shards.size()
              + " shards");
    }
    if (resolvedSpec.length() > Bounds.SPEC_LENGTH) {
      throw new IllegalArgumentException(
          "expected a job spec of at most "
              + Bounds.SPEC_LENGTH
              + " characters, found "
              + resolvedSpec.length());
    }
    for (int rank = 0; rank < worldSize; rank++) {
      if (!shards.get(rank).file().equals(CheckpointNames.shardName(rank))) {
        throw new IllegalArgumentException(
            "expected the shard "
                + CheckpointNames.shardName(rank)
                + ", found '"
                + Bounds.excerpt(shards.get(rank).file())
                + "'");
      }
    }
    checkTensors(shards, tensors);
  }

  /**
   * One file of the checkpoint.
   *
   * @param file its name, which leads nowhere else
   * @param bytes its size
   * @param headerBytes of its safetensors header, the 8 bytes of length included
   * @param headerHash over those bytes
   */
  public record Shard(String file, long bytes, long headerBytes, Crc32c headerHash) {
    public Shard {
      Objects.requireNonNull(headerHash, "headerHash");
      if (CheckpointNames.rankOf(file).isEmpty()) {
        throw new IllegalArgumentException(
            "expected a shard's name as rank-00000.safetensors, found '"
                + Bounds.excerpt(file)
                + "'");
      }
      long most = Math.min(bytes, (long) Bounds.HEADER_BYTES + SafetensorsHeader.PREFIX_BYTES);
      if (headerBytes < SafetensorsHeader.PREFIX_BYTES + 2 || headerBytes > most) {
        throw new IllegalArgumentException(
            file + ": a header of " + headerBytes + " bytes in a file of " + bytes);
      }
    }
  }

  /**
   * A tensor and where its values are.
   *
   * @param spec its name, type and shape
   * @param file the shard that holds it
   * @param begin of its values, counted from the beginning of the file
   * @param end one past its last byte
   * @param hash over its values
   */
  public record StoredTensor(TensorSpec spec, String file, long begin, long end, Crc32c hash) {
    public StoredTensor {
      Objects.requireNonNull(file, "file");
      Objects.requireNonNull(hash, "hash");
      if (begin < 0 || end < begin || end - begin != spec.byteCount()) {
        throw new IllegalArgumentException(
            "expected "
                + spec.byteCount()
                + " bytes for '"
                + Bounds.excerpt(spec.name())
                + "' of "
                + spec.typeAndShape()
                + ", found the offsets "
                + begin
                + " to "
                + end);
      }
    }
  }

  /** Its step. */
  public long step() {
    return progress.step();
  }

  /** The size of all values in bytes. */
  public long dataBytes() {
    return tensors.stream().mapToLong(t -> t.end() - t.begin()).sum();
  }

  /** The size of all shards in bytes, headers included. */
  public long shardBytes() {
    return shards.stream().mapToLong(Shard::bytes).sum();
  }

  /** By the file of each shard: its tensors in order of their place, perhaps none. */
  public Map<String, List<StoredTensor>> tensorsByShard() {
    Map<String, List<StoredTensor>> byShard = new HashMap<>();
    shards.forEach(shard -> byShard.put(shard.file(), new ArrayList<>()));
    tensors.forEach(tensor -> byShard.get(tensor.file()).add(tensor));
    byShard.values().forEach(list -> list.sort(BY_PLACE));
    return byShard;
  }

  private static void checkTensors(List<Shard> shards, List<StoredTensor> tensors) {
    if (tensors.size() > Bounds.TENSORS) {
      throw new IllegalArgumentException(
          "expected at most " + Bounds.TENSORS + " tensors, found " + tensors.size());
    }
    Set<String> names = new HashSet<>();
    Map<String, List<StoredTensor>> byFile = new HashMap<>();
    shards.forEach(shard -> byFile.put(shard.file(), new ArrayList<>()));
    for (StoredTensor tensor : tensors) {
      String name = Bounds.excerpt(tensor.spec().name());
      if (!names.add(tensor.spec().name())) {
        throw new IllegalArgumentException("two tensors are named '" + name + "'");
      }
      List<StoredTensor> neighbours = byFile.get(tensor.file());
      if (neighbours == null) {
        throw new IllegalArgumentException(
            "'" + name + "' is in '" + Bounds.excerpt(tensor.file()) + "', which is no shard here");
      }
      neighbours.add(tensor);
    }
    for (Shard shard : shards) {
      checkTiling(shard, byFile.get(shard.file()));
    }
  }

  private static void checkTiling(Shard shard, List<StoredTensor> tensors) {
    tensors.sort(BY_PLACE);
    long at = shard.headerBytes();
    for (StoredTensor tensor : tensors) {
      if (tensor.begin() != at) {
        throw new IllegalArgumentException(
            shard.file()
                + ": expected '"
                + Bounds.excerpt(tensor.spec().name())
                + "' at offset "
                + at
                + ", found "
                + tensor.begin());
      }
      at = tensor.end();
    }
    if (at != shard.bytes()) {
      throw new IllegalArgumentException(
          shard.file() + ": its tensors end at " + at + ", its file at " + shard.bytes());
    }
  }
}
