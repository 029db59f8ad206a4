package server

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/k8s-lbc/lbc/playground/controlplane"
)

// requestsPolicy has the API server record each request of the load balancer controller, watches when they are
// admitted.
const requestsPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["%s"]
`

// record returns the flags by which the API server records requests in a file.
func (cp *controlPlane) record(file string) ([]string, error) {
	path := filepath.Join(cp.options.Dir, "audit-policy.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, requestsPolicy, controlplane.Controller.Name), 0o600); err != nil {
		return nil, fmt.Errorf("write the audit policy: %w", err)
	}
	return []string{"--audit-policy-file=" + path, "--audit-log-path=" + file}, nil
}
