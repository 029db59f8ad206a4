package lab

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// NewKeeper is a lab that keeps checkpoints.
func NewKeeper(t *testing.T, objects ...client.Object) *Lab {
	t.Helper()
	l := New(t, account.Profile{}, objects...)
	l.Checkpointed = true
	l.Restart()
	return l
}

// Checkpoints are the ConfigMaps that the controller has written.
func (l *Lab) Checkpoints() []corev1.ConfigMap {
	l.Helper()
	var list corev1.ConfigMapList
	l.Must(l.Client.List(l.Context(), &list, client.InNamespace("kube-system")))
	return list.Items
}

// Written is all that checkpoints say, unpacked.
func (l *Lab) Written() string {
	l.Helper()
	var out strings.Builder
	for _, m := range l.Checkpoints() {
		for _, k := range slices.Sorted(maps.Keys(m.BinaryData)) {
			r, err := gzip.NewReader(bytes.NewReader(m.BinaryData[k]))
			l.Must(err)
			text, err := io.ReadAll(r)
			l.Must(err)
			out.Write(text)
			out.WriteString("\n")
		}
		for _, k := range slices.Sorted(maps.Keys(m.Data)) {
			out.WriteString(k + "=" + m.Data[k] + "\n")
		}
	}
	return out.String()
}

// Reads are the calls since a mark that change nothing.
func (l *Lab) Reads(mark uint64) (out []string) {
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if awsclient.IsRead(c.Action) {
			out = append(out, c.Action)
		}
	}
	slices.Sort(out)
	return out
}

// Damage spoils a checkpoint, or brings an older one back.
func (l *Lab) Damage(r *rand.Rand, m *corev1.ConfigMap, before []corev1.ConfigMap) {
	l.Helper()
	switch r.IntN(6) {
	case 0:
		l.Must(l.Client.Delete(l.Context(), m))
		return
	case 1:
		for _, old := range before {
			if old.Name == m.Name {
				m.Data, m.BinaryData = old.Data, old.BinaryData
			}
		}
	case 2:
		for _, v := range m.BinaryData {
			v[r.IntN(len(v))] ^= 1 << r.IntN(8)
		}
	case 3:
		for k, v := range m.BinaryData {
			m.BinaryData[k] = v[:r.IntN(len(v))]
		}
	case 4:
		m.Data[[]string{"format", "scope", "term", "state", "time"}[r.IntN(5)]] = []string{
			"", "0", "ended", "2026-01-01T00:00:00Z"}[r.IntN(4)]
	}
	l.Must(l.Client.Update(l.Context(), m))
}
