package dev.trireme.launcher.device;

import dev.trireme.protocol.HostDevice;
import dev.trireme.worker.agent.DeviceDeal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The CUDA devices of this machine as far as this process may use them.
 *
 * @param driver its version; empty where there is none
 * @param cuda the newest CUDA that the driver can serve, as {@code 13.0}; empty where unknown
 * @param devices in the order in which ranks get them
 * @param none why there are none, for people; empty when there are
 */
public record DeviceSurvey(String driver, String cuda, List<HostDevice> devices, String none) {
  private static final String DRIVER_LIBRARY = "libnvidia-ml.so.1";

  /** JavaCPP's binding of NVML loads that of the runtime first. */
  private static final String RUNTIME_LIBRARY = "libcudart.so.13";

  public DeviceSurvey {
    devices = List.copyOf(devices);
  }

  /**
   * Looks. Where there is no driver this is a look at some folders, and no class of CUDA is loaded;
   * else it takes some tenths of a second.
   *
   * @param visible what {@code CUDA_VISIBLE_DEVICES} says; empty where it is not set
   */
  public static DeviceSurvey take(Libraries libraries, Optional<String> visible) {
    Optional<Path> driver = libraries.find(DRIVER_LIBRARY);
    if (driver.isEmpty()) {
      return none("no NVIDIA driver: " + DRIVER_LIBRARY + " is in none of " + libraries.words());
    }
    Optional<Path> runtime = libraries.find(RUNTIME_LIBRARY);
    if (runtime.isEmpty()) {
      return none(
          "no CUDA runtime: "
              + RUNTIME_LIBRARY
              + " is in none of "
              + libraries.words()
              + "; install CUDA 13, or name its folder in LD_LIBRARY_PATH");
    }
    List<Path> needed = new ArrayList<>(libraries.find("libcuda.so.1").stream().toList());
    needed.add(runtime.get());
    needed.add(driver.get());
    DeviceSurvey all;
    try {
      all = Nvml.survey(needed);
    } catch (LinkageError e) {
      return none(
          "the driver's "
              + driver.get()
              + " cannot be used: "
              + e.getMessage()
              + "; expected JavaCPP's CUDA bindings on the class path and a driver of this platform");
    }
    return visible.map(all::seeing).orElse(all);
  }

  /** That of this process. */
  public static DeviceSurvey ofProcess() {
    return take(Libraries.ofProcess(), Optional.ofNullable(System.getenv("CUDA_VISIBLE_DEVICES")));
  }

  static DeviceSurvey none(String why) {
    return new DeviceSurvey("", "", List.of(), why);
  }

  /** The same without what CUDA_VISIBLE_DEVICES hides: it names devices by index or by UUID. */
  DeviceSurvey seeing(String visible) {
    List<String> names = Arrays.stream(visible.split(",")).map(String::trim).toList();
    List<HostDevice> seen =
        devices.stream()
            .filter(
                d ->
                    names.stream()
                        .anyMatch(
                            n ->
                                n.equals(Integer.toString(d.index()))
                                    || n.startsWith("GPU-") && d.uuid().startsWith(n)))
            .toList();
    String why =
        seen.isEmpty() && none.isEmpty()
            ? "CUDA_VISIBLE_DEVICES='" + visible + "' hides all " + devices.size() + " devices"
            : none;
    return new DeviceSurvey(driver, cuda, DeviceDeal.order(seen), why);
  }
}
