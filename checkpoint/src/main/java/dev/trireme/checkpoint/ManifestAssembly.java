package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.Crc32c;
import dev.trireme.checkpoint.format.DamagedException;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import dev.trireme.checkpoint.storage.Staging;
import dev.trireme.checkpoint.storage.StoredFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Composes the manifest from what all ranks wrote. The hashes travel in the shards' own headers, so
 * that rank 0 reads a few kilobytes of each shard and needs no message from its writer; and what is
 * not exactly what the plan wants of a rank is refused here, before it can be committed.
 */
final class ManifestAssembly {
  private static final String KEY_PREFIX = "trireme.";
  private static final String HASH_PREFIX = KEY_PREFIX + "hash.";

  private final CheckpointContent content;
  private final ShardPlan plan;

  ManifestAssembly(CheckpointContent content, ShardPlan plan) {
    this.content = content;
    this.plan = plan;
  }

  /** What a rank writes into the header of its shard: who wrote it, and the hash of each tensor. */
  SafetensorsHeader header(int rank, Map<String, Crc32c> hashes) {
    Map<String, String> metadata = new LinkedHashMap<>(identity(rank));
    hashes.forEach((name, hash) -> metadata.put(HASH_PREFIX + name, hash.toString()));
    return new SafetensorsHeader(plan.shard(rank), metadata);
  }

  /**
   * Reads the headers of all shards.
   *
   * @throws IOException when one cannot be read, or is not what its rank was to write
   */
  Manifest compose(Staging staging) throws IOException {
    List<Manifest.Shard> shards = new ArrayList<>();
    List<Manifest.StoredTensor> tensors = new ArrayList<>();
    for (int rank = 0; rank < plan.shards().size(); rank++) {
      try {
        add(rank, staging, shards, tensors);
      } catch (NoSuchFileException e) {
        throw new IOException(
            "rank 0 does not see the shard of rank "
                + rank
                + " at "
                + staging.location()
                + "; is the directory the same shared one on every host?",
            e);
      } catch (DamagedException | IllegalArgumentException e) {
        throw new IOException("the shard of rank " + rank + ": " + e.getMessage(), e);
      }
    }
    return new Manifest(
        content.generation(),
        content.progress(),
        content.seed(),
        shards.size(),
        Instant.now(),
        content.resolvedSpec(),
        shards,
        tensors);
  }

  private void add(
      int rank, Staging staging, List<Manifest.Shard> shards, List<Manifest.StoredTensor> tensors)
      throws IOException, DamagedException {
    String name = CheckpointNames.shardName(rank);
    try (StoredFile file = staging.open(name)) {
      byte[] prefix = new byte[SafetensorsHeader.PREFIX_BYTES];
      file.read(ByteBuffer.wrap(prefix), 0);
      int length = prefix.length + SafetensorsHeader.jsonLength(prefix, file.size());
      byte[] bytes = new byte[length];
      file.read(ByteBuffer.wrap(bytes), 0);
      SafetensorsHeader header = SafetensorsHeader.parse(bytes, file.size() - length);
      checkWriter(rank, header);
      shards.add(new Manifest.Shard(name, file.size(), length, Crc32c.of(bytes, 0, bytes.length)));
      for (SafetensorsHeader.Entry entry : header.tensors()) {
        tensors.add(
            new Manifest.StoredTensor(
                entry.spec(),
                name,
                length + entry.begin(),
                length + entry.end(),
                hash(entry, header)));
      }
    }
  }

  private void checkWriter(int rank, SafetensorsHeader header) throws DamagedException {
    for (Map.Entry<String, String> expected : identity(rank).entrySet()) {
      String found = header.metadata().getOrDefault(expected.getKey(), "nothing");
      if (!found.equals(expected.getValue())) {
        throw new DamagedException(
            "expected " + expected.getKey() + " to be " + expected.getValue() + ", found " + found);
      }
    }
    if (!header.tensors().equals(plan.shard(rank))) {
      throw new DamagedException(
          "it holds other tensors than rank 0 expects of it; every rank must save the same names,"
              + " types and shapes");
    }
  }

  private static Crc32c hash(SafetensorsHeader.Entry entry, SafetensorsHeader header)
      throws DamagedException {
    String hash = header.metadata().get(HASH_PREFIX + entry.spec().name());
    if (hash == null) {
      throw new DamagedException("it has no hash for '" + entry.spec().name() + "'");
    }
    return Crc32c.parse(hash);
  }

  /** "format: pt" is what loaders of the PyTorch world look for before they take a file. */
  private Map<String, String> identity(int rank) {
    Map<String, String> identity = new LinkedHashMap<>();
    identity.put("format", "pt");
    identity.put(KEY_PREFIX + "generation", Long.toString(content.generation()));
    identity.put(KEY_PREFIX + "step", Long.toString(content.progress().step()));
    identity.put(KEY_PREFIX + "rank", Integer.toString(rank));
    identity.put(KEY_PREFIX + "worldSize", Integer.toString(plan.shards().size()));
    return identity;
  }
}
