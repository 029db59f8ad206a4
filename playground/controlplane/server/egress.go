package server

import (
	"fmt"
	"os"
	"path/filepath"
)

// egressConfiguration has the API server reach the cluster, kubelets and Services, through a proxy.
const egressConfiguration = `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport: {uds: {udsName: %q}}
`

// proxied returns the flag by which the API server uses the proxy at a Unix socket.
func (cp *controlPlane) proxied(socket string) (string, error) {
	path := filepath.Join(cp.options.Dir, "egress.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, egressConfiguration, socket), 0o600); err != nil {
		return "", fmt.Errorf("write the API server's egress configuration: %w", err)
	}
	return "--egress-selector-config-file=" + path, nil
}
