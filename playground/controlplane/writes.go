package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
)

// writesPolicy has the API server record each write of the load balancer controller, but those by which it stays leader, and events.
const writesPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  resources: [{group: coordination.k8s.io}, {group: events.k8s.io}, {group: "", resources: [events]}]
- level: Metadata
  users: ["%s"]
  verbs: [create, update, patch, delete, deletecollection]
`

// recordWrites returns the flags by which the API server records writes in a file.
func (cp *ControlPlane) recordWrites(file string) ([]string, error) {
	policy := filepath.Join(cp.dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, fmt.Appendf(nil, writesPolicy, userController.name), 0o600); err != nil {
		return nil, fmt.Errorf("write the audit policy: %w", err)
	}
	return []string{"--audit-policy-file=" + policy, "--audit-log-path=" + file}, nil
}
