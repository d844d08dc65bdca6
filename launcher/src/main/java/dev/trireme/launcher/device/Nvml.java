package dev.trireme.launcher.device;

import dev.trireme.protocol.HostDevice;
import dev.trireme.protocol.HostDevice.Link;
import dev.trireme.protocol.HostDevice.LinkKind;
import dev.trireme.worker.agent.DeviceDeal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.cuda.global.nvml;
import org.bytedeco.cuda.nvml.nvmlDevice_st;
import org.bytedeco.cuda.nvml.nvmlMemory_t;
import org.bytedeco.cuda.nvml.nvmlPciInfo_t;

/**
 * Asks the NVIDIA driver through NVML which devices there are and what joins them. What a driver
 * does not know (an old one, a virtual device) is left empty rather than refused.
 *
 * <p>Source: the NVML API reference, version 13.
 */
final class Nvml {
  private static final int TEXT = 96;
  private static final int OK = 0;

  private Nvml() {}

  /** A device while NVML is open. */
  private record Seen(int index, nvmlDevice_st handle, String busId) {}

  /**
   * @param libraries that the binding needs, the driver's among them; loaded by their paths, for
   *     they need not be where the system's linker looks
   * @throws LinkageError when one of them or the Java binding does not load
   */
  static DeviceSurvey survey(List<Path> libraries) {
    libraries.forEach(library -> System.load(library.toString()));
    int code = nvml.nvmlInit_v2();
    if (code != OK) {
      return DeviceSurvey.none(
          "the NVIDIA driver does not answer: nvmlInit: "
              + error(code)
              + "; is its kernel module loaded, and may this user open /dev/nvidia*?");
    }
    try {
      return survey();
    } finally {
      nvml.nvmlShutdown();
    }
  }

  private static DeviceSurvey survey() {
    int[] count = new int[1];
    int code = nvml.nvmlDeviceGetCount_v2(count);
    if (code != OK) {
      return DeviceSurvey.none("the NVIDIA driver does not count its devices: " + error(code));
    }
    List<Seen> seen = new ArrayList<>();
    String refusal = "";
    for (int i = 0; i < Math.min(count[0], HostDevice.MAX); i++) {
      nvmlDevice_st handle = new nvmlDevice_st();
      code = nvml.nvmlDeviceGetHandleByIndex_v2(i, handle);
      if (code == OK) {
        seen.add(new Seen(i, handle, busId(handle)));
      } else {
        refusal = "device " + i + ": " + error(code);
      }
    }
    List<HostDevice> devices = new ArrayList<>();
    for (Seen each : seen) {
      devices.add(device(each, seen));
    }
    byte[] driver = new byte[TEXT];
    nvml.nvmlSystemGetDriverVersion(driver, driver.length);
    String none = refusal.isEmpty() ? "the driver has no device" : refusal;
    return new DeviceSurvey(
        text(driver), cuda(), DeviceDeal.order(devices), devices.isEmpty() ? none : "");
  }

  private static HostDevice device(Seen device, List<Seen> all) {
    byte[] uuid = new byte[TEXT];
    byte[] name = new byte[TEXT];
    nvml.nvmlDeviceGetUUID(device.handle(), uuid, uuid.length);
    nvml.nvmlDeviceGetName(device.handle(), name, name.length);
    List<Link> links = new ArrayList<>();
    for (Seen peer : all) {
      if (peer.index() != device.index()) {
        links.add(link(device, peer));
      }
    }
    try (nvmlMemory_t memory = new nvmlMemory_t()) {
      boolean known = nvml.nvmlDeviceGetMemoryInfo(device.handle(), memory) == OK;
      return new HostDevice(
          device.index(),
          text(uuid),
          text(name),
          known ? memory.total() : 0,
          known ? memory._free() : 0,
          device.busId(),
          links);
    }
  }

  private static Link link(Seen device, Seen peer) {
    int lanes = nvlinks(device, peer);
    if (lanes > 0) {
      return new Link(peer.index(), LinkKind.NVLINK, lanes);
    }
    int[] level = new int[1];
    int code = nvml.nvmlDeviceGetTopologyCommonAncestor(device.handle(), peer.handle(), level);
    return new Link(peer.index(), code == OK ? kind(level[0]) : LinkKind.UNKNOWN, 0);
  }

  /**
   * NVLinks between two devices: those whose other end is the peer, or all that are up where a
   * switch is at the other end and the driver says that the two reach each other over NVLink.
   */
  private static int nvlinks(Seen device, Seen peer) {
    int up = 0;
    int direct = 0;
    int[] state = new int[1];
    for (int link = 0; link < nvml.NVML_NVLINK_MAX_LINKS; link++) {
      if (nvml.nvmlDeviceGetNvLinkState(device.handle(), link, state) != OK || state[0] == 0) {
        continue;
      }
      up++;
      try (nvmlPciInfo_t remote = new nvmlPciInfo_t()) {
        int code = nvml.nvmlDeviceGetNvLinkRemotePciInfo_v2(device.handle(), link, remote);
        if (code == OK && remote.busId().getString().equalsIgnoreCase(peer.busId())) {
          direct++;
        }
      }
    }
    if (direct > 0 || up == 0) {
      return direct;
    }
    int[] reach = new int[1];
    int code =
        nvml.nvmlDeviceGetP2PStatus(
            device.handle(), peer.handle(), nvml.NVML_P2P_CAPS_INDEX_NVLINK, reach);
    return code == OK && reach[0] == OK ? up : 0;
  }

  private static LinkKind kind(int level) {
    if (level == nvml.NVML_TOPOLOGY_INTERNAL) {
      return LinkKind.SAME_BOARD;
    } else if (level == nvml.NVML_TOPOLOGY_SINGLE) {
      return LinkKind.ONE_SWITCH;
    } else if (level == nvml.NVML_TOPOLOGY_MULTIPLE) {
      return LinkKind.SWITCHES;
    } else if (level == nvml.NVML_TOPOLOGY_HOSTBRIDGE) {
      return LinkKind.HOST_BRIDGE;
    } else if (level == nvml.NVML_TOPOLOGY_NODE) {
      return LinkKind.NODE;
    }
    return level == nvml.NVML_TOPOLOGY_SYSTEM ? LinkKind.SYSTEM : LinkKind.UNKNOWN;
  }

  private static String busId(nvmlDevice_st handle) {
    try (nvmlPciInfo_t info = new nvmlPciInfo_t()) {
      return nvml.nvmlDeviceGetPciInfo_v3(handle, info) == OK ? info.busId().getString() : "";
    }
  }

  private static String cuda() {
    int[] version = new int[1];
    return nvml.nvmlSystemGetCudaDriverVersion_v2(version) == OK
        ? version[0] / 1000 + "." + version[0] % 1000 / 10
        : "";
  }

  private static String error(int code) {
    return nvml.nvmlErrorString(code).getString() + " (" + code + ")";
  }

  /** What C has written: up to the first zero. */
  private static String text(byte[] buffer) {
    int end = 0;
    while (end < buffer.length && buffer[end] != 0) {
      end++;
    }
    return new String(buffer, 0, end, StandardCharsets.UTF_8);
  }
}
