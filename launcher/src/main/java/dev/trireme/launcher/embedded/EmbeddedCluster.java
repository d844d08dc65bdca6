package dev.trireme.launcher.embedded;

import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.coordinator.CoordinatorNode;
import dev.trireme.coordinator.JobService;
import dev.trireme.worker.agent.AgentConfig;
import dev.trireme.worker.agent.AgentNode;
import dev.trireme.worker.agent.akka.AkkaCoordinatorLink;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A coordinator and one agent in this process, on loopback: two actor systems that speak over TCP,
 * as they would between hosts.
 *
 * <p>Threading: one owner. {@link #close} ends every process and thread of the cluster, within a
 * few seconds.
 */
final class EmbeddedCluster implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EmbeddedCluster.class);
  private static final String LOOPBACK = "127.0.0.1";

  private final CoordinatorNode coordinator;
  private final AgentNode agent;

  private EmbeddedCluster(CoordinatorNode coordinator, AgentNode agent) {
    this.coordinator = coordinator;
    this.agent = agent;
  }

  /**
   * Starts both. The agent's rank processes are started first and load while the control plane
   * comes up, for on a small machine that is most of the time to the first step.
   *
   * @param stateDirectory where the coordinator keeps its jobs
   * @throws dev.trireme.coordinator.CoordinatorException when the coordinator cannot start
   */
  static EmbeddedCluster start(AgentConfig agentConfig, Path stateDirectory) {
    DeferredLink link = new DeferredLink();
    AgentNode agent = AgentNode.start(agentConfig, link);
    CoordinatorNode coordinator = null;
    try {
      coordinator = CoordinatorNode.start(CoordinatorConfig.loopback("embedded", stateDirectory));
      link.connect(new AkkaCoordinatorLink(LOOPBACK, List.of(coordinator.address())));
      return new EmbeddedCluster(coordinator, agent);
    } catch (RuntimeException e) {
      closeQuietly(agent);
      closeQuietly(coordinator);
      throw e;
    }
  }

  JobService jobs() {
    return coordinator.jobs();
  }

  /** The agent leaves first, so that the coordinator hears it go. */
  @Override
  public void close() {
    closeQuietly(agent);
    closeQuietly(coordinator);
  }

  private static void closeQuietly(AutoCloseable part) {
    try {
      if (part != null) {
        part.close();
      }
    } catch (Exception e) {
      log.warn("closing the embedded {}", part.getClass().getSimpleName(), e);
    }
  }
}
