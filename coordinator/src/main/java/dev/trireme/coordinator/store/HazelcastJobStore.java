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
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Jobs in a Hazelcast map that writes each entry through to the state directory before a put
 * returns. Hazelcast never sees a class of ours and needs no serialization but its own.
 *
 * <p>The member listens on loopback and joins nobody. Its port has no authentication: the name of
 * its cluster, drawn at random, is all that keeps strangers of the same machine out.
 */
public final class HazelcastJobStore extends EntryJobStore {
  private static final String MAP = EntryFiles.MAP;

  private final StateLock lock;
  private final EntryFiles files;
  private final HazelcastInstance member;
  private final IMap<String, byte[]> entries;

  private HazelcastJobStore(StateLock lock, EntryFiles files, HazelcastInstance member) {
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
    StateLock lock = StateLock.take(directory);
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
        lock.close();
      }
    }
  }

  private static Config config(String name, Path directory, EntryFiles files) {
    Config config = new Config();
    byte[] secret = new byte[16];
    new SecureRandom().nextBytes(secret);
    config.setClusterName("trireme-" + HexFormat.of().formatHex(secret));
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
  byte[] get(String key) {
    return entries.get(key);
  }

  @Override
  Map<String, byte[]> getAll(Set<String> keys) {
    return entries.getAll(keys);
  }

  @Override
  void set(String key, byte[] value) {
    try {
      entries.set(key, value);
    } catch (HazelcastException | IllegalStateException e) {
      throw new CoordinatorException("cannot write to the job store: " + e.getMessage(), e);
    }
  }

  @Override
  List<String> keys() {
    return files.keys();
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
  public void close() {
    member.shutdown();
    lock.close();
  }
}
