/**
 * Stand-ins for the ports, in one process and without natives, for the tests of other modules. They
 * keep a diary of what was asked of them, in order.
 */
package dev.trireme.api.fake;
