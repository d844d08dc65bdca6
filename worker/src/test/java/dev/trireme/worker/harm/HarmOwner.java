package dev.trireme.worker.harm;

import dev.trireme.protocol.HarmKind;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * A process that does harm, or listens, until it is killed: {@code KIND PID PLACE RUN_DIRECTORY}.
 */
final class HarmOwner {
  private HarmOwner() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("listen")) {
      listen();
    }
    Harms.Order order =
        new Harms.Order(
            HarmKind.of(arguments[0]).orElseThrow(),
            ProcessHandle.of(Long.parseLong(arguments[1])).orElseThrow(),
            "job-1",
            arguments[2],
            Path.of(arguments[3]),
            Duration.ofMinutes(5),
            false);
    try (Harms harms = new Harms()) {
      harms.begin(order, new Silent());
      // Nothing is waited for: the test kills this process; should it die first, this ends by
      // itself.
      TimeUnit.MINUTES.sleep(5);
    }
  }

  /** Sends each packet back. */
  private static void listen() throws Exception {
    try (DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      System.out.println(socket.getLocalPort());
      DatagramPacket packet = new DatagramPacket(new byte[1], 1);
      while (true) {
        socket.receive(packet);
        socket.send(packet);
      }
    }
  }

  private static final class Silent implements Harms.Answer {
    @Override
    public void done(String how) {}

    @Override
    public void refused(String why) {
      System.out.println(why);
    }

    @Override
    public void lackRoom(Duration lasting) {}
  }
}
