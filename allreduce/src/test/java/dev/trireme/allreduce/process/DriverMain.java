package dev.trireme.allreduce.process;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A media driver in a process of its own, which may be stopped and killed. */
final class DriverMain {
  private DriverMain() {}

  /** Starts one; it serves when this returns. What a dead one left there is deleted. */
  static RankProcess start(Path directory) {
    List<String> command = new ArrayList<>(Host.java());
    command.addAll(List.of(DriverMain.class.getName(), directory.toString()));
    RankProcess process = new RankProcess(-1, command);
    process.await("SERVING");
    return process;
  }

  public static void main(String[] args) throws InterruptedException {
    try (MediaDriver driver =
        MediaDriver.launch(
            new MediaDriver.Context()
                .aeronDirectoryName(args[0])
                .threadingMode(ThreadingMode.SHARED)
                .termBufferSparseFile(true)
                .driverTimeoutMs(2_000)
                .dirDeleteOnStart(true)
                .dirDeleteOnShutdown(true))) {
      System.out.println("SERVING " + driver.aeronDirectoryName());
      Thread.currentThread().join();
    }
  }
}
