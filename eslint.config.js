import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.tap/**', 'data/**', 'test/fixtures/**', 'test/example/**'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      'max-lines': ['error', { max: 300, skipComments: true, skipBlankLines: true }],
      'max-lines-per-function': ['error', { max: 40, skipComments: true, skipBlankLines: true }],
      'max-params': ['error', 3],
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'Only server.ts and cli.ts end the process.' },
        {
          object: 'process',
          property: 'env',
          message: 'Only server.ts and cli.ts read the environment; pass the Config on.'
        }
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Error']", message: 'Throw an error of src/errors.ts.' }
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // Fastify plugins are async by contract, also those that have nothing to wait for.
      '@typescript-eslint/require-await': 'off'
    }
  },
  {
    files: ['src/server.ts', 'src/cli.ts', 'src/cli/**'],
    rules: { 'no-console': 'off', 'no-restricted-properties': 'off' }
  },
  // A plugin or route file is one function by shape; Fastify's own hooks have up to four parameters.
  { files: ['plugins/**', 'routes/**'], rules: { 'max-lines-per-function': 'off', 'max-params': ['error', 4] } },
  {
    files: ['test/**'],
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': 'off',
      'no-console': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': 'off',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [{ from: 'package', name: 'test', package: '@tapjs/test' }],
          allowForKnownSafePromises: [
            { from: 'package', name: ['Test', 'TestBase', 'TapPlugin', 'PromiseWithSubtest'], package: '@tapjs/core' }
          ]
        }
      ]
    }
  },
  { files: ['eslint.config.js'], ...tseslint.configs.disableTypeChecked }
)
