package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// faultFields is Fault without its methods.
type faultFields Fault

// faultText is a fault with its durations as text, which hide the numbers of the embedded struct.
type faultText struct {
	faultFields
	Latency string `json:"latency,omitempty"`
	Delay   string `json:"delay,omitempty"`
	Stale   string `json:"stale,omitempty"`
	For     string `json:"for,omitempty"`
}

// MarshalJSON writes durations as text.
func (f Fault) MarshalJSON() ([]byte, error) {
	text := faultText{faultFields: faultFields(f), Latency: durationText(f.Latency), Delay: durationText(f.Delay),
		Stale: durationText(f.Stale), For: durationText(f.For)}
	return json.Marshal(text)
}

func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// UnmarshalJSON reads durations as text and refuses fields that do not exist.
func (f *Fault) UnmarshalJSON(b []byte) error {
	var text faultText
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&text); err != nil {
		return fmt.Errorf("fault rule: %w", err)
	}
	read := Fault(text.faultFields)
	for _, d := range []struct {
		name, text string
		into       *time.Duration
	}{{"latency", text.Latency, &read.Latency}, {"delay", text.Delay, &read.Delay}, {"stale", text.Stale, &read.Stale},
		{"for", text.For, &read.For}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil {
			return fmt.Errorf("fault rule: %s: %w", d.name, err)
		}
		*d.into = v
	}
	*f = read
	return nil
}
