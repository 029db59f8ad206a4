package plan

import (
	"encoding/json"
	"testing"
	"time"
)

type embedded struct {
	ARN  string
	ARNs []string
}

// sample has a field of each form.
type sample struct {
	embedded
	IPAddressType string
	IPv6CIDR      *string
	VPC           any
	Tags          map[string]string
	ByPort        map[int32]embedded
	At            time.Time
	Nothing       []string
	Raw           []byte
	Kept          string `json:"as-it-is,omitempty"`
	Left          string `json:",omitempty"`
	Hidden        string `json:"-"`
	hidden        string
}

func (sample) About() *About { return &About{} }

func TestArgumentsHaveNamesLikeAllOtherFieldsAndKeysAsTheyAre(t *testing.T) {
	t.Parallel()
	cidr := "::/0"
	op := sample{
		embedded: embedded{"arn", []string{"a"}}, IPAddressType: "ipv4", IPv6CIDR: &cidr, VPC: embedded{},
		Tags:   map[string]string{"Team": "x", "A<B": "y"},
		ByPort: map[int32]embedded{443: {ARN: "b"}}, At: time.Unix(1, 0).UTC(), Raw: []byte("x"), Kept: "z", Hidden: "secret",
		hidden: "secret",
	}
	const want = `{"arn":"arn","arns":["a"],"ipAddressType":"ipv4","ipv6CIDR":"::/0","vpc":{"arn":"","arns":null},"tags":{"A\u003cB":"y","Team":"x"},` +
		`"byPort":{"443":{"arn":"b","arns":null}},"at":"1970-01-01T00:00:01Z","nothing":null,"raw":"eA==","as-it-is":"z"}`
	for name, of := range map[string]Operation{"a value": op, "a pointer": &op} {
		if got, err := json.Marshal(arguments{of}); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
	if got, err := json.Marshal(arguments{}); err != nil || string(got) != "null" {
		t.Errorf("without an operation: %s, %v", got, err)
	}
}
