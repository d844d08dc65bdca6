package dev.trireme.worker.agent;

import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.AgentToRank.Network;
import dev.trireme.protocol.AgentToRank.Transport;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What this host's ranks of each formation share: a directory in shared memory and a range of
 * stream ids. Made for a formation's first rank here; the directory is deleted when its last one is
 * gone.
 *
 * <p>Threading: the supervisor's thread.
 */
final class Formations {
  /** Enough for several streams between every two ranks; ids are plenty. */
  private static final int STREAMS = 1 << 15;

  private record Key(String jobId, long generation) {}

  private record Formation(Path directory, Transport transport, Set<Child> members) {}

  private final AgentDirectory directory;
  private final String aeronDirectory;
  private final StreamIds streams;
  private final Network network;
  private final Map<Key, Formation> formations = new HashMap<>();
  private int made;

  /**
   * @param network how ranks of other hosts find those of this one
   */
  Formations(AgentDirectory directory, String aeronDirectory, StreamIds streams, Network network) {
    this.network = network;
    this.directory = directory;
    this.aeronDirectory = aeronDirectory;
    this.streams = streams;
  }

  /**
   * Makes a process a member of the formation that {@code command} speaks of.
   *
   * @return how its members reach each other
   * @throws IOException when the shared directory cannot be made
   */
  Transport enter(Child child, StartRanks command) throws IOException {
    Key key = new Key(command.jobId(), command.stamp().generation());
    Formation formation = formations.get(key);
    if (formation == null) {
      Path shared = directory.formation(made++);
      Transport transport =
          new Transport(
              aeronDirectory,
              shared.toString(),
              streams.allot(STREAMS),
              STREAMS,
              command.formation(),
              spansHosts(command) ? Optional.of(network) : Optional.empty());
      formation = new Formation(shared, transport, new HashSet<>());
      formations.put(key, formation);
    }
    formation.members().add(child);
    return formation.transport();
  }

  private static boolean spansHosts(StartRanks command) {
    return command.ranks().size() < command.worldSize();
  }

  /** Takes a process out that is gone. */
  void leave(Child child, Join join) {
    Key key = new Key(join.jobId(), join.stamp().generation());
    Formation formation = formations.get(key);
    if (formation != null && formation.members().remove(child) && formation.members().isEmpty()) {
      formations.remove(key);
      AgentDirectory.delete(formation.directory());
    }
  }
}
