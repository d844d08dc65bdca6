package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.NetworkConfig;
import io.aeron.Aeron;
import io.aeron.Subscription;
import io.aeron.exceptions.TimeoutException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A rank's port, open before it knows any peer: a subscription to a port that the system chooses.
 * Later subscriptions share the port by naming its tag.
 */
final class Doorbell {
  private static final long NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final long tag;
  private final Endpoint endpoint;

  /**
   * @param stream any id that is this formation's
   */
  Doorbell(Aeron aeron, NetworkConfig network, int stream, long timeoutMillis) {
    this.tag = aeron.nextCorrelationId();
    Subscription subscription = aeron.addSubscription(Channels.doorbell(network, tag), stream);
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    String address = subscription.resolvedEndpoint();
    while (address == null) {
      if (System.nanoTime() - end > 0) {
        throw new TimeoutException(
            "no port at " + network.address() + " in " + timeoutMillis + " ms");
      }
      LockSupport.parkNanos(NAP_NANOS);
      address = subscription.resolvedEndpoint();
    }
    this.endpoint = new Endpoint(network.host(), address, Channels.mtuOf(network));
  }

  long tag() {
    return tag;
  }

  Endpoint endpoint() {
    return endpoint;
  }
}
