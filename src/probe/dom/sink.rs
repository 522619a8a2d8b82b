//! Building a page's tree: scraper's, and beside it what that one does not keep of the parser's
//! word. Owns the bound on how deep a page may nest.

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;

use ego_tree::NodeId;
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeBuilderOpts, TreeSink};
use html5ever::{Attribute, ParseOpts, QualName};
use scraper::{Html, HtmlTreeSink};
use xml5ever::driver::XmlParseOpts;

/// The deepest that elements may nest. The parser looks through those that are open for nearly
/// every tag, so that a page of nothing but start tags would take a time that grows with the square
/// of its length; a page is read up to there. Browsers nest no deeper than 512.
const MAX_DEPTH: u32 = 1024;
/// The most elements of a page. Broken markup can make the parser repeat a thousand elements for
/// every tag.
const MAX_ELEMENTS: u32 = 300_000;
/// Bytes of a page that are parsed before it is looked at how large its tree has become.
const PIECE: usize = 2 * 1024;

/// Which form the parser said that a control belongs to. The tree does not tell: a form between
/// `<table>` and `<tr>` is empty there, and still owns the fields behind it.
pub type Owners = HashMap<NodeId, NodeId>;

/// Parses a page as a client without scripts does, to which what stands in a `noscript` is part of
/// the page. Broken markup gives a tree all the same, as in browsers.
pub(super) fn parse(text: &str) -> (Html, Owners) {
    let options = ParseOpts {
        tree_builder: TreeBuilderOpts {
            scripting_enabled: false,
            ..TreeBuilderOpts::default()
        },
        ..ParseOpts::default()
    };
    let mut parser = html5ever::parse_document(Sink::new(), options);
    let mut rest = text;
    while !rest.is_empty() && !parser.tokenizer.sink.sink.is_too_large.get() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE));
        parser.process(piece.into());
        rest = behind;
    }
    parser.finish()
}

/// Parses a page that is XML (`application/xhtml+xml`).
pub(super) fn parse_xml(text: &str) -> Html {
    let mut parser = xml5ever::driver::parse_document(Sink::new(), XmlParseOpts::default());
    let mut rest = text;
    while !rest.is_empty() && !parser.tokenizer.sink.sink.is_too_large.get() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(PIECE));
        parser.process(piece.into());
        rest = behind;
    }
    parser.finish().0
}

struct Sink {
    tree: HtmlTreeSink,
    owners: RefCell<Owners>,
    depths: RefCell<HashMap<NodeId, u32>>,
    elements: Cell<u32>,
    is_too_large: Cell<bool>,
}

impl Sink {
    fn new() -> Self {
        Sink {
            tree: HtmlTreeSink::new(Html::new_document()),
            owners: RefCell::default(),
            depths: RefCell::default(),
            elements: Cell::new(0),
            is_too_large: Cell::new(false),
        }
    }

    /// Notes how deep a node is that comes below another, or beside it.
    fn comes(&self, child: &NodeOrText<NodeId>, place: &NodeId, below: u32) {
        if let NodeOrText::AppendNode(child) = child {
            let mut depths = self.depths.borrow_mut();
            let depth = depths.get(place).copied().unwrap_or_default() + below;
            depths.insert(*child, depth);
            if depth > MAX_DEPTH {
                self.is_too_large.set(true);
            }
        }
    }
}

impl TreeSink for Sink {
    type Handle = NodeId;
    type Output = (Html, Owners);
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Self::Output {
        (self.tree.finish(), self.owners.into_inner())
    }

    fn associate_with_form(&self, target: &NodeId, form: &NodeId, _: (&NodeId, Option<&NodeId>)) {
        self.owners.borrow_mut().insert(*target, *form);
    }

    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<Attribute>,
        flags: ElementFlags,
    ) -> NodeId {
        self.elements.set(self.elements.get() + 1);
        if self.elements.get() > MAX_ELEMENTS {
            self.is_too_large.set(true);
        }
        self.tree.create_element(name, attributes, flags)
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        self.comes(&child, parent, 1);
        self.tree.append(parent, child);
    }

    fn append_based_on_parent_node(
        &self,
        element: &NodeId,
        before: &NodeId,
        child: NodeOrText<NodeId>,
    ) {
        self.comes(&child, before, 1);
        self.tree
            .append_based_on_parent_node(element, before, child);
    }

    fn append_before_sibling(&self, sibling: &NodeId, node: NodeOrText<NodeId>) {
        self.comes(&node, sibling, 0);
        self.tree.append_before_sibling(sibling, node);
    }

    // From here on the tree's own.

    fn parse_error(&self, message: Cow<'static, str>) {
        self.tree.parse_error(message);
    }

    fn get_document(&self) -> NodeId {
        self.tree.get_document()
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Self::ElemName<'a> {
        self.tree.elem_name(target)
    }

    fn create_comment(&self, text: StrTendril) -> NodeId {
        self.tree.create_comment(text)
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> NodeId {
        self.tree.create_pi(target, data)
    }

    fn append_doctype_to_document(&self, name: StrTendril, public: StrTendril, system: StrTendril) {
        self.tree.append_doctype_to_document(name, public, system);
    }

    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        self.tree.get_template_contents(target)
    }

    fn same_node(&self, one: &NodeId, other: &NodeId) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.tree.set_quirks_mode(mode);
    }

    fn add_attrs_if_missing(&self, target: &NodeId, attributes: Vec<Attribute>) {
        self.tree.add_attrs_if_missing(target, attributes);
    }

    fn remove_from_parent(&self, target: &NodeId) {
        self.tree.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &NodeId, parent: &NodeId) {
        self.tree.reparent_children(node, parent);
    }
}
