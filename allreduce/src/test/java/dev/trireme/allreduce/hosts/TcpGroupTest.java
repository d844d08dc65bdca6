package dev.trireme.allreduce.hosts;

import dev.trireme.allreduce.Carrier;

/** With bytes between hosts over TCP, and signals in datagrams, some of which are lost. */
class TcpGroupTest extends HostGroupChecks {
  TcpGroupTest() {
    super(Carrier.TCP);
  }
}
