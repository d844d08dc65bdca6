package dev.trireme.launcher.logging;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.util.List;

/**
 * Found by logback as a service. A rank logs from INFO on to its standard output, which its agent
 * puts into {@code logs/rank-N.log}; the command line logs from WARN on to standard error, where
 * progress goes too. {@code -Dtrireme.log=DEBUG} sets another level.
 */
public final class LogSetup extends ContextAwareBase implements Configurator {
  /** The system property that makes a process log as a rank does. */
  public static final String RANK_PROPERTY = "trireme.rank";

  private static final List<String> CLUSTER_LIBRARIES = List.of("akka", "com.hazelcast");

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    boolean rank = Boolean.getBoolean(RANK_PROPERTY);
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern(
        rank
            ? "%d{HH:mm:ss.SSS} %-5level %logger{0}: %msg%n"
            : "trireme: %level %logger{0}: %msg%n");
    encoder.start();
    ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
    appender.setContext(context);
    appender.setName("console");
    appender.setTarget(rank ? "System.out" : "System.err");
    appender.setEncoder(encoder);
    appender.start();
    var root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.toLevel(System.getProperty("trireme.log"), rank ? Level.INFO : Level.WARN));
    root.addAppender(appender);
    if (!rank) {
      // On one busy machine their warnings of late heartbeats and of a lone member mean nothing to
      // a person; what the cluster has to say of a job, it says as the job's events.
      CLUSTER_LIBRARIES.forEach(name -> context.getLogger(name).setLevel(level(Level.ERROR)));
    }
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  private static Level level(Level usual) {
    return Level.toLevel(System.getProperty("trireme.log"), usual);
  }
}
