package awsclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/document"
	smithytime "github.com/aws/smithy-go/time"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// answers reads the answers of Elastic Load Balancing as the SDK does, without its allocations for each tag: a restart
// lists all load balancers and target groups. What is not as plain as these answers are, and errors, the SDK reads.
type answers struct {
	smithyhttp.ClientProtocol
	bodies *sync.Pool // of *bytes.Buffer
}

func newAnswers(sdk smithyhttp.ClientProtocol) answers {
	return answers{ClientProtocol: sdk, bodies: &sync.Pool{New: func() any { return &bytes.Buffer{} }}}
}

// DeserializeResponse implements smithyhttp.ClientProtocol.
func (a answers) DeserializeResponse(ctx context.Context, schema *smithy.OperationSchema, types *smithy.TypeRegistry,
	resp *smithyhttp.Response, out smithy.Deserializable) error {
	if resp.StatusCode < 200 || resp.StatusCode >= 300 {
		return a.ClientProtocol.DeserializeResponse(ctx, schema, types, resp, out)
	}
	body, _ := a.bodies.Get().(*bytes.Buffer)
	defer a.bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return &smithy.DeserializationError{Err: err}
	}
	to := reflect.ValueOf(out).Elem()
	fresh := reflect.New(to.Type())
	if of, ok := fresh.Interface().(smithy.Deserializable); ok && readPlain(body.Bytes(), schema.ID().Name+"Result", of) {
		to.Set(fresh.Elem())
		return nil
	}
	again := *resp.Response
	again.Body = io.NopCloser(bytes.NewReader(body.Bytes())) // the SDK closes resp.Body
	return a.ClientProtocol.DeserializeResponse(ctx, schema, types, &smithyhttp.Response{Response: &again}, out)
}

// readPlain reads the element of a name, and reports whether it is as plain as it must be.
func readPlain(text []byte, name string, to smithy.Deserializable) bool {
	text = bytes.TrimLeft(text, " \n")
	if rest, ok := bytes.CutPrefix(text, []byte("<?xml ")); ok {
		declared, rest, _ := bytes.Cut(rest, []byte("?>"))
		if text = rest; bytes.Contains(declared, []byte("encoding")) && !bytes.Contains(declared, []byte(`"UTF-8"`)) {
			return false
		}
	}
	p := &plain{text: text}
	for p.start() {
		if string(p.name()) == name {
			return to.Deserialize(p) == nil && p.err == nil && len(p.open) == 1
		}
		if len(p.open) > 1 && !p.skip() {
			return false
		}
	}
	return false
}

var errNotPlain = errors.New("the answer has more than elements and texts")

// plain reads XML that consists of elements and texts. It implements smithy.ShapeDeserializer for what the schema of
// Elastic Load Balancing has. After the first error it reads nothing: the SDK ignores errors of ReadListItem.
type plain struct {
	text  []byte
	at    int
	open  []openElement // the elements that have begun and not ended
	empty bool          // the innermost one ends with its tag
	err   error
}

// openElement is an element that has begun.
type openElement struct {
	from, to int            // its name in the text
	schema   *smithy.Schema // whose members its children are
}

func (p *plain) name() []byte {
	of := p.open[len(p.open)-1]
	return p.text[of.from:of.to]
}

func (p *plain) fail() bool {
	p.err = errNotPlain
	return false
}

// start reads up to the start of a child of the innermost open element, or up to that element's end.
func (p *plain) start() (child bool) {
	switch {
	case p.err != nil:
		return false
	case p.empty:
		p.empty, p.open = false, p.open[:len(p.open)-1]
		return false
	}
	if !plainText(p.chars()) || p.at+1 >= len(p.text) {
		return p.fail()
	}
	if p.text[p.at+1] == '/' {
		p.end()
		return false
	}
	from := p.at + 1
	length := bytes.IndexByte(p.text[from:], '>')
	if length <= 0 {
		return p.fail()
	}
	p.at = from + length + 1
	tag, empty := bytes.CutSuffix(p.text[from:from+length], []byte("/"))
	tag, attributes, _ := bytes.Cut(tag, []byte(" "))
	if !plainName(tag) || len(attributes) > 0 && (len(p.open) > 0 || empty || bytes.ContainsAny(attributes, "<&")) {
		return p.fail() // the first element has the namespace
	}
	p.empty = empty
	p.open = append(p.open, openElement{from: from, to: from + len(tag)})
	return true
}

// chars reads the text up to the next tag.
func (p *plain) chars() []byte {
	rest := p.text[p.at:]
	n := bytes.IndexByte(rest, '<')
	if n < 0 {
		n = len(rest)
	}
	p.at += n
	return rest[:n]
}

// end reads the end of the innermost open element.
func (p *plain) end() bool {
	if p.err != nil || len(p.open) == 0 {
		return p.fail()
	}
	rest, tag := bytes.CutPrefix(p.text[p.at:], []byte("</"))
	rest, named := bytes.CutPrefix(rest, p.name())
	if !tag || !named || len(rest) == 0 || rest[0] != '>' {
		return p.fail()
	}
	p.at, p.open = len(p.text)-len(rest)+1, p.open[:len(p.open)-1]
	return true
}

// skip reads up to the end of the innermost open element.
func (p *plain) skip() bool {
	for depth := len(p.open); len(p.open) >= depth; {
		if p.start(); p.err != nil {
			return false
		}
	}
	return true
}

// value reads the text of the innermost open element and its end.
func (p *plain) value() (string, error) {
	if p.err == nil && p.empty {
		p.empty, p.open = false, p.open[:len(p.open)-1]
		return "", nil
	}
	if text := p.chars(); plainText(text) && p.end() {
		return string(text), nil
	}
	return "", p.unread()
}

// plainText reports whether a text is what it says, without references to characters and line ends to replace.
func plainText(text []byte) bool {
	ascii := true
	for _, c := range text {
		if c < ' ' && c != '\n' && c != '\t' || c == '&' || c == ']' {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.Valid(text) && !bytes.Contains(text, []byte("\xef\xbf"))
}

func plainName(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0
}

// ReadStruct implements smithy.ShapeDeserializer.
func (p *plain) ReadStruct(s *smithy.Schema) error {
	if p.err == nil {
		p.open[len(p.open)-1].schema = s
	}
	return p.err
}

// ReadStructMember implements smithy.ShapeDeserializer.
func (p *plain) ReadStructMember() (*smithy.Schema, error) {
	for p.err == nil {
		members := p.open[len(p.open)-1].schema.Members()
		if !p.start() {
			return nil, p.err
		}
		if m := members[string(p.name())]; m != nil {
			return m, nil
		}
		for name := range members {
			if strings.EqualFold(name, string(p.name())) {
				p.fail()
			}
		}
		p.skip()
	}
	return nil, p.err
}

// ReadList implements smithy.ShapeDeserializer.
func (p *plain) ReadList(*smithy.Schema) error { return p.err }

// ReadListItem implements smithy.ShapeDeserializer.
func (p *plain) ReadListItem(*smithy.Schema) (bool, error) { return p.start(), p.err }

// ReadNil implements smithy.ShapeDeserializer.
func (p *plain) ReadNil(*smithy.Schema) (bool, error) { return false, p.err }

// ReadString implements smithy.ShapeDeserializer.
func (p *plain) ReadString(_ *smithy.Schema, to *string) (err error) {
	*to, err = p.value()
	return err
}

// parsed reads a value that a function parses.
func parsed[T any](p *plain, to *T, parse func(string) (T, error)) error {
	text, err := p.value()
	if err == nil {
		*to, err = parse(text)
	}
	return err
}

// ReadBool implements smithy.ShapeDeserializer.
func (p *plain) ReadBool(_ *smithy.Schema, to *bool) error { return parsed(p, to, strconv.ParseBool) }

// ReadInt32 implements smithy.ShapeDeserializer.
func (p *plain) ReadInt32(_ *smithy.Schema, to *int32) error {
	return parsed(p, to, func(text string) (int32, error) {
		n, err := strconv.ParseInt(text, 10, 32)
		return int32(n), err
	})
}

// ReadTime implements smithy.ShapeDeserializer.
func (p *plain) ReadTime(_ *smithy.Schema, to *time.Time) error {
	return parsed(p, to, smithytime.ParseDateTime)
}

func (p *plain) unread() error {
	p.fail()
	return p.err
}

// What follows is in few answers or in none: the SDK reads it.

func (p *plain) ReadInt8(*smithy.Schema, *int8) error               { return p.unread() }
func (p *plain) ReadInt16(*smithy.Schema, *int16) error             { return p.unread() }
func (p *plain) ReadInt64(*smithy.Schema, *int64) error             { return p.unread() }
func (p *plain) ReadFloat32(*smithy.Schema, *float32) error         { return p.unread() }
func (p *plain) ReadFloat64(*smithy.Schema, *float64) error         { return p.unread() }
func (p *plain) ReadBlob(*smithy.Schema, *[]byte) error             { return p.unread() }
func (p *plain) ReadBigInt(*smithy.Schema, *big.Int) error          { return p.unread() }
func (p *plain) ReadBigFloat(*smithy.Schema, *big.Float) error      { return p.unread() }
func (p *plain) ReadUnion(*smithy.Schema) (*smithy.Schema, error)   { return nil, p.unread() }
func (p *plain) ReadDocument(*smithy.Schema, *document.Value) error { return p.unread() }
func (p *plain) ReadMap(*smithy.Schema) error                       { return p.unread() }
func (p *plain) ReadMapKey(*smithy.Schema) (key string, ok bool, err error) {
	return "", false, p.unread()
}
