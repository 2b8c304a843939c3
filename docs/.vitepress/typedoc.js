// The API reference by theme: a folder of sources is a theme. Modules have the names they are
// imported by, and pages short addresses.
import { dirname } from 'node:path';
import { Comment, CommentTag, Converter, ReflectionKind } from 'typedoc';
import { MemberRouter } from 'typedoc-plugin-markdown';

const ROOT_FILES = 'General';
const TITLES = new Map([
  ['averaging', 'Averages'],
  ['callback', 'Callbacks'],
  ['swa', 'SWA'],
  ['swag', 'SWAG'],
]);
const TYPES = ReflectionKind.Interface | ReflectionKind.TypeAlias;

/** TypeDoc loads a plugin by this name. */
export function load(app) {
  app.renderer.defineRouter('theme', ThemeRouter);
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    const { project } = context;
    const modules = project.getChildrenByKind(ReflectionKind.Module);
    for (const module of modules) {
      const { packageName } = project;
      module.name = module.name === 'index' ? packageName : `${packageName}/${module.name}`;
    }
    for (const module of modules.length > 0 ? modules : [project]) groupByTheme(context, module);
  });
}

function groupByTheme(context, module) {
  const exports = (module.children ?? []).map((reflection) => ({
    reflection,
    theme: themeOf(context.getSymbolFromReflection(reflection)),
  }));
  // One theme says nothing: TypeDoc then groups by classes, functions and so on.
  if (new Set(exports.map(({ theme }) => theme)).size < 2) return;
  for (const { reflection, theme } of exports) {
    for (const target of reflection.signatures ?? [reflection]) {
      target.comment ??= new Comment();
      target.comment.blockTags.push(new CommentTag('@group', [{ kind: 'text', text: theme }]));
    }
  }
}

/** The first folder below `src`; for what another package exports, that package. */
function themeOf(symbol) {
  const file = symbol.declarations[0].getSourceFile().fileName;
  const [, name, place, ...path] = /packages\/([^/]+)\/(src|dist)\/(.+)/.exec(file);
  const folder = place === 'src' ? dirname(path.join('/')).split('/')[0] : name;
  if (folder === '.') return ROOT_FILES;
  return TITLES.get(folder) ?? folder[0].toUpperCase() + folder.slice(1).replaceAll('-', ' ');
}

class ThemeRouter extends MemberRouter {
  getIdealBaseName(reflection) {
    const { kind, name, parent } = reflection;
    if (kind === ReflectionKind.Module) return `${folderOf(reflection)}/${this.entryFileName}`;
    // A type and a function may differ in upper case only, which some file systems do not see.
    return `${folderOf(parent)}/${reflection.kindOf(TYPES) ? 'types/' : ''}${name}`;
  }
}

/** `core` of the package `@polyak/core`, `core/main` of its main module, `core/rules`. */
function folderOf(module) {
  const folder = module.name.replace('@polyak/', '');
  return module.parent.name === module.name ? `${folder}/main` : folder;
}
