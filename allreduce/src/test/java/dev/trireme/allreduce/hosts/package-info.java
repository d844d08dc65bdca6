/** Formations over real UDP on the loopback interface: a media driver a host, a thread a rank. */
package dev.trireme.allreduce.hosts;
