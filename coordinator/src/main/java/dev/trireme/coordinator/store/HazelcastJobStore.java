package dev.trireme.coordinator.store;

import com.hazelcast.config.Config;
import com.hazelcast.config.EvictionPolicy;
import com.hazelcast.config.JavaSerializationFilterConfig;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.config.MapConfig;
import com.hazelcast.config.MapStoreConfig;
import com.hazelcast.config.NetworkConfig;
import com.hazelcast.config.SerializationConfig;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastException;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.map.IMap;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.protocol.CodecException;
import dev.trireme.protocol.MessageCodec;
import dev.trireme.protocol.Stored.JobRecord;
import dev.trireme.protocol.Stored.TermRecord;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Jobs in a Hazelcast map that writes each entry through to the state directory before a put
 * returns. Entries are {@link MessageCodec}'s bytes, so Hazelcast never sees a class of ours and
 * needs no serialization but its own.
 *
 * <p>The member listens on loopback and joins nobody; its port asks nobody who they are.
 */
public final class HazelcastJobStore implements LocalStore {
  private static final String MAP = "state";
  private static final String TERM = "term";

  private final MessageCodec codec = new MessageCodec();
  private final FileChannel lock;
  private final EntryFiles files;
  private final HazelcastInstance member;
  private final IMap<String, byte[]> entries;

  private HazelcastJobStore(FileChannel lock, EntryFiles files, HazelcastInstance member) {
    this.lock = lock;
    this.files = files;
    this.member = member;
    this.entries = member.getMap(MAP);
  }

  /**
   * Opens the store in a directory, which it makes if absent and locks. Blocks for a second or two.
   *
   * @param name of the member, for people
   * @throws CoordinatorException when the directory cannot be used or another process has it
   */
  public static HazelcastJobStore open(String name, Path directory) {
    FileChannel lock = lock(directory);
    boolean opened = false;
    try {
      EntryFiles files = new EntryFiles(directory.resolve(MAP));
      HazelcastInstance member = Hazelcast.newHazelcastInstance(config(name, directory, files));
      opened = true;
      return new HazelcastJobStore(lock, files, member);
    } catch (HazelcastException | IllegalStateException e) {
      throw new CoordinatorException("cannot start the job store: " + e.getMessage(), e);
    } finally {
      if (!opened) {
        closeQuietly(lock);
      }
    }
  }

  private static FileChannel lock(Path directory) {
    FileChannel channel = null;
    try {
      Files.createDirectories(directory);
      channel =
          FileChannel.open(
              directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock != null) {
        return channel;
      }
    } catch (OverlappingFileLockException e) {
      // The same answer as when another process holds it.
    } catch (IOException e) {
      closeQuietly(channel);
      throw new CoordinatorException(
          "cannot use the state directory " + directory + " (" + e + "); choose another", e);
    }
    closeQuietly(channel);
    throw new CoordinatorException(
        "the state directory "
            + directory
            + " is in use by another coordinator; stop that one or choose another directory");
  }

  private static Config config(String name, Path directory, EntryFiles files) {
    Config config = new Config();
    config.setClusterName("trireme");
    config.setInstanceName("trireme-" + name + "-" + Integer.toHexString(directory.hashCode()));
    Map.ofEntries(
            Map.entry("hazelcast.phone.home.enabled", "false"),
            Map.entry("hazelcast.shutdownhook.enabled", "false"),
            Map.entry("hazelcast.logging.type", "slf4j"),
            Map.entry("hazelcast.socket.bind.any", "false"),
            Map.entry("hazelcast.wait.seconds.before.join", "0"),
            Map.entry("hazelcast.graceful.shutdown.max.wait", "5"),
            // Some hundred entries and a few writes a minute.
            Map.entry("hazelcast.partition.count", "11"),
            Map.entry("hazelcast.operation.thread.count", "2"),
            Map.entry("hazelcast.operation.generic.thread.count", "2"),
            Map.entry("hazelcast.io.thread.count", "1"),
            Map.entry("hazelcast.event.thread.count", "1"))
        .forEach(config::setProperty);
    config.getMetricsConfig().setEnabled(false);
    config.getInstanceTrackingConfig().setEnabled(false);
    network(config.getNetworkConfig());
    SerializationConfig serialization = config.getSerializationConfig();
    JavaSerializationFilterConfig nothing = new JavaSerializationFilterConfig();
    nothing.setDefaultsDisabled(true);
    nothing.getWhitelist().addClasses("dev.trireme.nothing");
    serialization.setJavaSerializationFilterConfig(nothing);
    MapConfig map = new MapConfig(MAP);
    map.getEvictionConfig().setEvictionPolicy(EvictionPolicy.NONE);
    map.setMapStoreConfig(
        new MapStoreConfig().setEnabled(true).setImplementation(files).setWriteDelaySeconds(0));
    return config.addMapConfig(map);
  }

  private static void network(NetworkConfig network) {
    network.setPort(0).setPortAutoIncrement(false);
    network.getInterfaces().setEnabled(true).addInterface("127.0.0.1");
    JoinConfig join = network.getJoin();
    join.getAutoDetectionConfig().setEnabled(false);
    join.getMulticastConfig().setEnabled(false);
    join.getTcpIpConfig().setEnabled(false);
  }

  @Override
  public synchronized long raiseTerm(long floor) {
    long term = Math.max(term(), floor) + 1;
    write(TERM, codec.encode(new TermRecord(term)));
    return term;
  }

  @Override
  public long term() {
    byte[] last = entries.get(TERM);
    return last == null ? 0 : decode(TERM, last, TermRecord.class).term();
  }

  @Override
  public synchronized boolean promise(long term) {
    if (term <= term()) {
      return false;
    }
    write(TERM, codec.encode(new TermRecord(term)));
    return true;
  }

  @Override
  public Optional<JobRecord> job(String jobId) {
    return Optional.ofNullable(entries.get(jobId))
        .map(bytes -> decode(jobId, bytes, JobRecord.class));
  }

  @Override
  public synchronized void put(JobRecord job) {
    byte[] before = entries.get(job.jobId());
    if (before != null) {
      JobRecord old = decode(job.jobId(), before, JobRecord.class);
      if (old.term() > job.term() || old.term() == job.term() && old.version() > job.version()) {
        throw new CoordinatorException(
            "%s was written in term %d, version %d, after term %d, version %d: another coordinator has taken over"
                .formatted(job.jobId(), old.term(), old.version(), job.term(), job.version()));
      }
    }
    byte[] bytes;
    try {
      bytes = codec.encode(job);
    } catch (CodecException e) {
      throw new CoordinatorException(
          job.jobId() + " cannot be kept: " + e.getMessage() + "; make its job spec smaller", e);
    }
    write(job.jobId(), bytes);
  }

  @Override
  public void remove(String jobId) {
    try {
      entries.delete(jobId);
    } catch (HazelcastException | IllegalStateException e) {
      throw new CoordinatorException("cannot write to the job store: " + e.getMessage(), e);
    }
  }

  @Override
  public List<JobRecord> jobs() {
    List<JobRecord> all = new ArrayList<>();
    Set<String> keys = new HashSet<>(files.keys());
    keys.remove(TERM);
    entries.getAll(keys).forEach((key, bytes) -> all.add(decode(key, bytes, JobRecord.class)));
    return all;
  }

  private void write(String key, byte[] value) {
    try {
      entries.set(key, value);
    } catch (HazelcastException | IllegalStateException e) {
      throw new CoordinatorException("cannot write to the job store: " + e.getMessage(), e);
    }
  }

  private <T> T decode(String key, byte[] bytes, Class<T> type) {
    try {
      return type.cast(codec.decode(bytes));
    } catch (CodecException | ClassCastException e) {
      throw new CoordinatorException(
          "entry '"
              + key
              + "' of the job store cannot be read: "
              + e.getMessage()
              + "; move its file out of the state directory to go on without it",
          e);
    }
  }

  @Override
  public void close() {
    member.shutdown();
    closeQuietly(lock);
  }

  private static void closeQuietly(FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      // Only a lock, and it goes with the process at the latest.
    }
  }
}
