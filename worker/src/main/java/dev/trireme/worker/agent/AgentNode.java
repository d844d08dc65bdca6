package dev.trireme.worker.agent;

import java.time.Duration;
import java.util.concurrent.CompletionStage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A host's agent, running: media driver, rank processes, and the way to the coordinator.
 *
 * <p>Threading: any thread may close it. It owns every thread, process and file it makes; after
 * {@link #close} none is left. When its process is killed, its ranks end themselves and the next
 * agent of the same user deletes its directory.
 */
public final class AgentNode implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(AgentNode.class);

  private final AgentDirectory directory;
  private final HostDriver driver;
  private final RankSupervisor supervisor;
  private final CoordinatorLink link;
  private boolean closed;

  private AgentNode(
      AgentDirectory directory,
      HostDriver driver,
      RankSupervisor supervisor,
      CoordinatorLink link) {
    this.directory = directory;
    this.driver = driver;
    this.supervisor = supervisor;
    this.link = link;
  }

  /**
   * Starts an agent. The driver and the warm processes come first, so that those load while the
   * control plane comes up. Returns before the coordinator has accepted the agent.
   *
   * @param link belongs to the agent from now on, which starts and closes it
   * @throws java.io.UncheckedIOException when the agent's directory cannot be made
   * @throws IllegalArgumentException when the link cannot listen where it is told to
   */
  public static AgentNode start(AgentConfig config, CoordinatorLink link) {
    return start(config, link, HostDriver.CLIENT_LIVENESS);
  }

  /**
   * The same.
   *
   * @param liveness how long the agent, or a rank, may not be scheduled
   */
  static AgentNode start(AgentConfig config, CoordinatorLink link, Duration liveness) {
    AgentDirectory directory = AgentDirectory.create(config.sharedMemory());
    HostDriver driver = null;
    RankSupervisor supervisor = null;
    try {
      driver = new HostDriver(directory.aeron(), liveness);
      supervisor = new RankSupervisor(config, directory, driver.directory(), link::send);
      link.start(supervisor::registration, supervisor::command);
      return new AgentNode(directory, driver, supervisor, link);
    } catch (RuntimeException e) {
      closeQuietly(supervisor);
      closeQuietly(link);
      closeQuietly(driver);
      closeQuietly(directory);
      throw e;
    }
  }

  /**
   * Deletes what agents of this user that were killed have left in shared memory, as every start of
   * an agent does. Never fails.
   */
  public static void sweepAbandoned() {
    AgentDirectory.sweep();
  }

  /**
   * Completes once this agent can start no rank any more, for its process was itself stopped for
   * half a minute, or its media driver has died: its ranks were ended; close it and start another.
   */
  public CompletionStage<Void> lost() {
    return supervisor.lost();
  }

  /**
   * Ends every rank and leaves the control plane. Takes a few seconds at most; repeats do nothing.
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    closeQuietly(supervisor);
    closeQuietly(link);
    closeQuietly(driver);
    closeQuietly(directory);
  }

  private static void closeQuietly(AutoCloseable part) {
    try {
      if (part != null) {
        part.close();
      }
    } catch (Exception e) {
      LOG.warn("closing the agent's {}", part.getClass().getSimpleName(), e);
    }
  }
}
