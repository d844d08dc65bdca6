package dev.trireme.checkpoint;

import dev.trireme.checkpoint.format.Crc32c;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import java.io.InterruptedIOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * The hashes of a shard's tensors, computed on a thread of their own while the writer hands the
 * same bytes to the storage: the disk does not wait for the processor, nor the other way round.
 * Cost: one pass over the shard.
 *
 * <p>Threading: begun, awaited and closed by one thread. The snapshot must stay until it is closed.
 */
final class ShardHashes implements AutoCloseable {
  private final FutureTask<Map<String, Crc32c>> hashing;
  private final Thread thread;
  private volatile boolean wanted = true;

  private ShardHashes(int rank, List<SafetensorsHeader.Entry> shard, Snapshot snapshot) {
    hashing = new FutureTask<>(() -> hash(shard, snapshot));
    thread = new Thread(hashing, "checkpoint-hash-rank-" + rank);
    thread.setDaemon(true);
  }

  static ShardHashes begin(int rank, List<SafetensorsHeader.Entry> shard, Snapshot snapshot) {
    ShardHashes hashes = new ShardHashes(rank, shard, snapshot);
    hashes.thread.start();
    return hashes;
  }

  /** Hashes of zero for all, which take as much room as any. */
  static Map<String, Crc32c> blank(List<SafetensorsHeader.Entry> shard) {
    Map<String, Crc32c> hashes = new LinkedHashMap<>();
    shard.forEach(entry -> hashes.put(entry.spec().name(), new Crc32c(0)));
    return hashes;
  }

  /** By name, in the shard's order. Blocking: until the pass is over. */
  Map<String, Crc32c> await() throws InterruptedIOException {
    try {
      return hashing.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while hashing a shard");
    } catch (ExecutionException e) {
      throw new IllegalStateException("hashing a shard broke", e.getCause());
    }
  }

  /** Ends the thread. Blocking: at most for the hash of one tensor. Repeats are ignored. */
  @Override
  public void close() {
    wanted = false;
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        // It reads memory that its owner may free as soon as this returns.
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private Map<String, Crc32c> hash(List<SafetensorsHeader.Entry> shard, Snapshot snapshot) {
    Map<String, Crc32c> hashes = new LinkedHashMap<>();
    for (SafetensorsHeader.Entry entry : shard) {
      if (!wanted) {
        break;
      }
      hashes.put(entry.spec().name(), Crc32c.of(snapshot.address(entry), entry.spec().byteCount()));
    }
    return Collections.unmodifiableMap(hashes);
  }
}
