/** Which jobs run where: a pure function of what waits and what is free, with a reason for each. */
package dev.trireme.coordinator.schedule;
