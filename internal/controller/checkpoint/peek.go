package checkpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NameOf returns the name of the checkpoints of the controllers that elect their leader by a Lease of that name.
func NameOf(lease string) string { return strings.TrimSuffix(lease, "-leader") + "-checkpoint" }

// Peek reads the entries of a kind alongside the process that writes them, which goes on undisturbed. Entries that
// cannot be read are left out.
func Peek(ctx context.Context, c client.Reader, key client.ObjectKey, kind Kind) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	shards := map[shardID]*corev1.ConfigMap{}
	var journal []*corev1.ConfigMap
	for _, id := range allShards() {
		if id.kind != home(kind) && id.kind != kind && (id.kind != Journal || !journalled(kind)) {
			continue
		}
		m := &corev1.ConfigMap{}
		err := c.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: id.name(key.Name)}, m)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("reading the checkpoint %s: %w", id.name(key.Name), err)
		}
		switch {
		case err != nil:
		case id.kind == Journal:
			journal = append(journal, m)
		default:
			shards[id] = m
		}
		if id.kind != home(kind) {
			continue
		}
		for at, packed := range m.BinaryData {
			if of, value, _, err := unpack(id, at, packed); err == nil && of.Kind == kind {
				out[of.Name] = value
			}
		}
	}
	if m := shards[former()]; m != nil {
		for at, packed := range m.BinaryData {
			if of, value, _, err := unpackFormer(at, packed); err == nil && formerCounts(m, shards[shardOf(of)]) {
				out[of.Name] = value
			}
		}
	}
	peekJournal(out, kind, journal, shards)
	return out, nil
}

// peekJournal replaces entries by newer ones of the journal.
func peekJournal(out map[string]json.RawMessage, kind Kind, journal []*corev1.ConfigMap,
	shards map[shardID]*corev1.ConfigMap) {
	newest := map[ID]int64{}
	for _, m := range journal {
		for at, packed := range m.BinaryData {
			r, value, _, err := readRecord(at, packed)
			if err != nil || r.id.Kind != kind || r.sequence <= newest[r.id] || !r.counts(m, shards[shardOf(r.id)]) {
				continue
			}
			if newest[r.id] = r.sequence; value == nil {
				delete(out, r.id.Name)
			} else {
				out[r.id.Name] = value
			}
		}
	}
}
