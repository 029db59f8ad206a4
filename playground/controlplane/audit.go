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

// requestsPolicy has the API server record each request of the load balancer controller, watches when they are admitted.
const requestsPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["%s"]
`

// audit is the file for audit events and the policy that selects them; empty: none.
func (o Options) audit() (file, policy string) {
	if o.Requests != "" {
		return o.Requests, requestsPolicy
	}
	return o.Writes, writesPolicy
}

// record returns the flags by which the API server records what a policy selects in a file.
func (cp *ControlPlane) record(file, policy string) ([]string, error) {
	path := filepath.Join(cp.dir, "audit-policy.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, policy, userController.name), 0o600); err != nil {
		return nil, fmt.Errorf("write the audit policy: %w", err)
	}
	return []string{"--audit-policy-file=" + path, "--audit-log-path=" + file}, nil
}
