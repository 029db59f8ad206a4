package checkpoint

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"sync"
)

// Kind is the subject of an entry.
type Kind string

// The kinds of entries.
const (
	// of the compiler, by stack; what AWS refuses, by RefusalsName; what is known of accelerators, by AcceleratorName
	Memory     Kind = "memory"
	Observed   Kind = "observed"   // the parts of a stack in AWS that listings do not show, by stack
	Targets    Kind = "targets"    // the registered targets, by ARN of the target group; ToldName
	Duplicates Kind = "duplicates" // the resources of a stack that are ignored as duplicates, by stack
	Orphans    Kind = "orphans"    // of earlier versions, which deleted orphans: restored, and deleted then
	// the targets that were registered before a TargetGroupBinding came, by its namespace and name; in the ConfigMaps of
	// Memory, and at the end of a process also in the only one of its own, which earlier releases read (former)
	Preceding Kind = "preceding"
	Holds     Kind = "holds" // the holds of administrators as they were last readable, in one entry
	// what was done lately, by stack or binding, for lbc timeline; in the ConfigMaps of Memory
	History Kind = "history"
	Foreign Kind = "foreign" // which load balancers and target groups are others', in one entry
	Journal Kind = "journal" // the newest entries of kinds Memory, Observed, History and Preceding; see journal
)

// RefusalsName returns the name of the entry of kind Memory with what AWS refuses of a stack, binding or accelerator. A
// kind of its own would need a ConfigMap that roles of earlier releases do not name, and without the right to write one
// ConfigMap none is written. Earlier releases ignore the entry.
func RefusalsName(key string) string { return refusals + key }

// RefusalsOf returns the stack, binding or accelerator of a RefusalsName; ok is false for another name.
func RefusalsOf(name string) (key string, ok bool) { return strings.CutPrefix(name, refusals) }

// AcceleratorName returns the name of the entry of kind Memory with what is known of an accelerator. Its prefix is that
// of earlier releases, which kept the listeners that give the accelerator its ports. It has no kind of its own for the
// reason that RefusalsName gives.
func AcceleratorName(accelerator string) string { return listeners + accelerator }

// AcceleratorOf returns the accelerator of an AcceleratorName; ok is false for another name.
func AcceleratorOf(name string) (accelerator string, ok bool) {
	return strings.CutPrefix(name, listeners)
}

const (
	refusals  = "refusals/"
	listeners = "listeners/"
)

// HoldsName is the name of the entry of kind Holds.
const HoldsName = "all"

// ToldName is the name of the entry of kind Targets with the objects on which success was recorded. It has no kind of
// its own for the reason that RefusalsName gives. All releases replace the entries of this kind at their end: none of
// an earlier process is taken for one of the last.
const ToldName = "told"

// ForeignName is the name of the entry of kind Foreign.
const ForeignName = "account"

// shardCounts are the numbers of ConfigMaps of each kind. 1,000 load balancers with ten rules each fill a tenth to a
// quarter of each. The numbers are part of the format.
var shardCounts = []struct {
	kind  Kind
	count int
}{{Memory, 8}, {Observed, 16}, {Targets, 8}, {Duplicates, 1}, {Orphans, 1}, {Foreign, 1}, {Preceding, 1}, {Holds, 1},
	{Journal, journalPieces}}

// shardID identifies one ConfigMap.
type shardID struct {
	kind Kind
	n    int
}

func (id shardID) name(base string) string { return fmt.Sprintf("%s-%s-%d", base, id.kind, id.n) }

// Names returns the names of all ConfigMaps of a store.
func Names(base string) []string {
	out := []string{base}
	for _, id := range allShards() {
		out = append(out, id.name(base))
	}
	return out
}

func allShards() []shardID {
	var out []shardID
	for _, k := range shardCounts {
		for n := range k.count {
			out = append(out, shardID{k.kind, n})
		}
	}
	return out
}

// home is the kind whose ConfigMaps have the entries of a kind. History has none of its own, and Preceding one: a role
// that names the ConfigMaps which the controller may write need not be changed for them.
func home(k Kind) Kind {
	if k == History || k == Preceding {
		return Memory
	}
	return k
}

func shardOf(id ID) shardID {
	for _, k := range shardCounts {
		if k.kind == home(id.Kind) {
			h := fnv.New32a()
			_, _ = h.Write([]byte(id.Name)) // never fails
			return shardID{k.kind, int(h.Sum32() % uint32(k.count))}
		}
	}
	panic("checkpoint: unknown kind " + string(id.Kind))
}

// dataKey is the key of an entry in its ConfigMap, where keys have no slashes.
func dataKey(id ID) string {
	name := id.Name
	if home(id.Kind) != id.Kind {
		name = string(id.Kind) + "\x00" + name
	}
	return keyOf(name)
}

func keyOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:12])
}

// content is the JSON text of an entry. It repeats kind and name, so that an entry under the key of another one is
// detected.
type content struct {
	Kind  Kind   `json:"kind"`
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// packer packs entries one after the other. Its writer, which takes most of a MiB, and its text are kept between them,
// until garbage collection takes them while nothing is written.
type packer struct {
	zip  *gzip.Writer
	text bytes.Buffer
}

var packers = sync.Pool{New: func() any { return &packer{zip: gzip.NewWriter(io.Discard)} }}

// encode returns the text of an entry, which is valid until the next call. Fields without a value are left out: most
// settings of a member have none.
func (p *packer) encode(c content) ([]byte, error) {
	p.text.Reset()
	err := jsonv2.MarshalWrite(&p.text, c, json.DefaultOptionsV1(), jsonv2.OmitZeroStructFields(true))
	return p.text.Bytes(), err
}

// compress packs a text.
func (p *packer) compress(text []byte) ([]byte, error) {
	var b bytes.Buffer
	p.zip.Reset(&b)
	if _, err := p.zip.Write(text); err != nil {
		return nil, err
	}
	if err := p.zip.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// longest is the longest text of an entry that is read; a damaged one may unpack to any length.
const longest = 64 << 20

var errDamaged = errors.New("damaged")

// unpacker reads packed texts one after the other. Its reader takes 40 KiB, and its text is kept between them.
type unpacker struct {
	reader gzip.Reader
	text   bytes.Buffer
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// uncompress returns the text of an entry, which is valid until the next call. Gzip's checksum detects damage.
func (u *unpacker) uncompress(packed []byte) ([]byte, error) {
	if err := u.reader.Reset(bytes.NewReader(packed)); err != nil {
		return nil, errDamaged
	}
	u.text.Reset()
	if n := len(packed); n >= 4 { // the last four bytes are the length of the text, unless they are damaged
		u.text.Grow(min(int(binary.LittleEndian.Uint32(packed[n-4:])), 1<<20) + bytes.MinRead)
	}
	if _, err := u.text.ReadFrom(io.LimitReader(&u.reader, longest)); err != nil || u.text.Len() == longest {
		return nil, errDamaged
	}
	return u.text.Bytes(), nil
}

// decode reads an entry.
func decode(packed []byte) (id ID, value json.RawMessage, sum [32]byte, err error) {
	u, _ := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	text, err := u.uncompress(packed)
	if err != nil {
		return id, nil, sum, err
	}
	var c struct {
		content
		Value json.RawMessage `json:"value"` // a copy
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return id, nil, sum, errDamaged
	}
	return ID{c.Kind, c.Name}, c.Value, sha256.Sum256(text), nil
}

// unpack reads an entry of a shard.
func unpack(from shardID, key string, packed []byte) (id ID, value json.RawMessage, sum [32]byte, err error) {
	id, value, sum, err = decode(packed)
	if err != nil {
		return id, nil, sum, err
	}
	if home(id.Kind) != from.kind || shardOf(id) != from || dataKey(id) != key {
		return id, nil, sum, errDamaged
	}
	return id, value, sum, nil
}
