package dev.trireme.launcher.embedded;

import dev.trireme.coordinator.CoordinatorNode;
import dev.trireme.coordinator.JobService;
import dev.trireme.protocol.akka.LocalPlane;
import dev.trireme.worker.agent.AgentConfig;
import dev.trireme.worker.agent.AgentNode;
import dev.trireme.worker.agent.akka.LocalCoordinatorLink;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A coordinator and one agent in this process: the actors that they are between hosts, in one actor
 * system that opens no port.
 *
 * <p>An agent that can start no ranks any more, as after this process was itself stopped for half a
 * minute (Ctrl-Z), is replaced by another, which goes on from the newest checkpoint.
 *
 * <p>Threading: one owner. {@link #close} ends every process and thread of the cluster, within a
 * few seconds.
 */
final class EmbeddedCluster implements FollowedRun.Cluster {
  private static final Logger LOG = LoggerFactory.getLogger(EmbeddedCluster.class);

  /** Between tries to begin anew, as where shared memory is full. */
  private static final int PAUSE_SECONDS = 5;

  private final CoordinatorNode coordinator;
  private final LocalPlane plane;
  private final AgentConfig config;
  private AgentNode agent;
  private int begun = 1;
  private boolean closed;

  private EmbeddedCluster(
      CoordinatorNode coordinator, LocalPlane plane, AgentConfig config, AgentNode agent) {
    this.coordinator = coordinator;
    this.plane = plane;
    this.config = config;
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
    LocalPlane plane = null;
    CoordinatorNode coordinator = null;
    try {
      plane = LocalPlane.start();
      coordinator = CoordinatorNode.embedded("embedded", stateDirectory, plane);
      link.connect(new LocalCoordinatorLink(plane, "agent"));
      EmbeddedCluster cluster = new EmbeddedCluster(coordinator, plane, agentConfig, agent);
      cluster.watch(agent);
      return cluster;
    } catch (RuntimeException e) {
      closeQuietly(agent);
      closeQuietly(coordinator);
      closeQuietly(plane);
      throw e;
    }
  }

  private void watch(AgentNode node) {
    node.lost()
        .thenRun(
            () -> {
              Thread thread = new Thread(() -> replace(node), "trireme-agent-anew");
              thread.setDaemon(true);
              thread.start();
            });
  }

  private void replace(AgentNode lost) {
    closeQuietly(lost);
    try {
      while (!beginAnew()) {
        TimeUnit.SECONDS.sleep(PAUSE_SECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether there is another agent, or none is wanted any more. */
  private synchronized boolean beginAnew() {
    if (closed) {
      return true;
    }
    begun++;
    try {
      agent = AgentNode.start(config, new LocalCoordinatorLink(plane, "agent-" + begun));
    } catch (RuntimeException e) {
      LOG.error("the agent cannot begin anew; tries again", e);
      return false;
    }
    watch(agent);
    return true;
  }

  @Override
  public JobService jobs() {
    return coordinator.jobs();
  }

  /** The agent leaves first, so that the coordinator hears it go. */
  @Override
  public void close() {
    AgentNode last;
    synchronized (this) {
      closed = true;
      last = agent;
    }
    closeQuietly(last);
    closeQuietly(coordinator);
  }

  private static void closeQuietly(AutoCloseable part) {
    try {
      if (part != null) {
        part.close();
      }
    } catch (Exception e) {
      LOG.warn("closing the embedded {}", part.getClass().getSimpleName(), e);
    }
  }
}
