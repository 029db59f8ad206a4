// Package parity compares with the existing controller: testdata/AREA/NAME.yaml is what was applied to a cluster, NAME.json what
// AWS and Kubernetes then held. Its tests take the objects from front end to executor against a simulated account, and back:
// what is recorded is adopted without a write, and what we make would be found and left alone by the existing controller.
// What differs on purpose is in testdata/differences.yaml, each with a reason that docs/differences.md gives. Tests only.
package parity
